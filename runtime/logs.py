"""Logs are events with fields: JSON lines on standard error, or aligned text on a terminal."""

import logging
import sys

import structlog


def configure_logs(room: str, *, level: str = "INFO") -> None:
    """Send structlog events and the standard library's warnings of this process to standard error."""
    number = logging.getLevelNamesMapping()[level.upper()]
    # The clients log each reconnect; an outage of minutes would fill a disk with them.
    for chatty in ("kafka", "urllib3", "py4j"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)
    logging.basicConfig(level=number, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        # Found anew at each event: a command's standard error may be somebody else's for a while.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(room=room)
