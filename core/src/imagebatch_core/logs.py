"""Logs of all components: one line an event on one stream, as JSON or as text for people."""

from __future__ import annotations

import logging
import sys
from typing import Any, Final, TextIO

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from .environment import LogFormat, LogLevel

_TEXT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
#: Uvicorn's message once more, with escape sequences for terminals.
_UNWANTED: Final = "color_message"


def configure(level: LogLevel, form: LogFormat = "json", stream: TextIO = sys.stderr) -> None:
    """Replace all handlers of the root logger. What a call gives as ``extra`` becomes fields."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter(_TEXT) if form == "text" else _json_formatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


class _Formatter(JsonFormatter):
    """Levels in lower case, as the settings name them."""

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        return {**log_data, "level": log_data["level"].lower()}


def _json_formatter() -> JsonFormatter:
    return _Formatter(
        ["levelname", "name", "message"],
        rename_fields={"levelname": "level", "name": "logger", "exc_info": "exception"},
        timestamp="time",
        json_ensure_ascii=False,
        reserved_attrs=[*RESERVED_ATTRS, _UNWANTED],
        exc_info_as_array=False,
    )
