"""Structured logs with the request id in every line. The one place that configures them."""

import logging
import sys
from contextvars import ContextVar
from typing import Any

import orjson
import structlog

request_id: ContextVar[str] = ContextVar("request_id", default="")


def _add_request_id(
    _logger: object, _name: str, event: structlog.types.EventDict
) -> structlog.types.EventDict:
    current = request_id.get()
    if current:
        event.setdefault("request_id", current)
    return event


def _dumps(value: Any, **_options: Any) -> bytes:
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)


def configure_logging(*, level: str = "info", as_json: bool = True) -> None:
    """One line per event on standard error: JSON for machines, or columns for a person at a terminal."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_request_id,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if as_json:
        shared += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_dumps)]
        factory: Any = structlog.BytesLoggerFactory(sys.stderr.buffer)
    else:
        shared += [structlog.dev.ConsoleRenderer()]
        factory = structlog.PrintLoggerFactory(sys.stderr)
    structlog.configure(
        processors=shared,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )


def logger(name: str) -> Any:
    """A logger whose lines carry `part=name`."""
    return structlog.get_logger(part=name)
