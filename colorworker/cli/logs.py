"""Log messages on stderr, as text or as one JSON object per line."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["text", "json"]

_TEXT = "%(levelname)s %(name)s: %(message)s"
_OWN = frozenset(vars(logging.LogRecord("", 0, "", 0, "", None, None))) | {"message", "asctime"}
"""Attributes that every log record has; all others are facts of the message."""


class JsonFormatter(logging.Formatter):
    """Formats a record as JSON: time, level, logger, message, and the facts it was given."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in _OWN},
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure_logging(level: LogLevel, form: LogFormat = "text") -> None:
    """Write messages of a level and above to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else logging.Formatter(_TEXT))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    if level != "debug":
        # libvips warns about every damaged tile; the item's own error says it once.
        logging.getLogger("pyvips").setLevel(logging.ERROR)
