"""Logs as JSON, one line each, on standard output."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final

from imagebatch_core.errors import ConfigurationRefused

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {
    "asctime",
    "color_message",
    "message",
    "taskName",
}


class JsonFormatter(logging.Formatter):
    """What a call gives as ``extra`` becomes fields of the line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{k: v for k, v in vars(record).items() if k not in _STANDARD},
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(level: str) -> None:
    """Raises :class:`ConfigurationRefused`, which can be logged then, for what is no level."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    known = logging.getLevelNamesMapping().get(level.strip().upper() or "INFO")
    logging.basicConfig(level=known or logging.INFO, handlers=[handler], force=True)
    if not known:
        raise ConfigurationRefused(
            f"IMAGEBATCH_LOG_LEVEL={level!r}: debug, info, warning or error is expected"
        )
