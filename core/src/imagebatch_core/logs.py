"""Set up the logs of a component: one line per event on one stream, as JSON or text for people."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any, Final, TextIO

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from .environment import LogFormat, LogLevel

_TEXT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
#: Attributes of a record that are not logged as fields. uvicorn's ``color_message`` is the message
#: again, with escape sequences for terminals.
_RESERVED: Final = frozenset({*RESERVED_ATTRS, "asctime", "color_message", "message"})


def configure(level: LogLevel, form: LogFormat = "json", stream: TextIO = sys.stderr) -> None:
    """Replace all handlers of the root logger; ``extra`` of a logging call becomes fields."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_TextFormatter(_TEXT) if form == "text" else _json_formatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


class _TextFormatter(logging.Formatter):
    """Writes the fields of an event after its message: ``request method="GET" status=404``."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        fields = {name: value for name, value in vars(record).items() if name not in _RESERVED}
        told = [f"{n}={json.dumps(v, ensure_ascii=False, default=str)}" for n, v in fields.items()]
        return " ".join([super().formatMessage(record), *told])


class _Formatter(JsonFormatter):
    """Writes levels in lower case, as the settings do."""

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        return {**log_data, "level": log_data["level"].lower()}


def _json_formatter() -> JsonFormatter:
    return _Formatter(
        ["levelname", "name", "message"],
        rename_fields={"levelname": "level", "name": "logger", "exc_info": "exception"},
        timestamp="time",
        json_ensure_ascii=False,
        reserved_attrs=_RESERVED,
        exc_info_as_array=False,
    )
