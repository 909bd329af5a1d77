"""One JSON line per event; trace and request ids come from the context. Never log bodies, codes, tokens or phones."""

import logging
import sys
from contextlib import AbstractContextManager

import structlog
from opentelemetry import trace
from structlog.contextvars import bound_contextvars
from structlog.typing import EventDict, Processor, WrappedLogger

from daira_observe.private import without_values


def set_up_logging(service: str, level: str = "INFO") -> None:
    """Send structlog and the standard library through one JSON renderer on stderr."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _leave_values_out,
                structlog.processors.JSONRenderer(sort_keys=True, ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in ("aiokafka", "cassandra", "uvicorn.access", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(service=service)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger bound lazily to the set-up above."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def with_fields(**fields: object) -> AbstractContextManager[None]:
    """Every line of this task inside the block carries `fields`; None is left out."""
    return bound_contextvars(**{name: value for name, value in fields.items() if value is not None})


def _leave_values_out(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for name in ("event", "error", "exception"):
        if isinstance(event.get(name), str):
            event[name] = without_values(event[name])
    return event


def _add_trace(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    current = trace.get_current_span()
    context = current.get_span_context()
    if context.is_valid:
        event["trace_id"] = f"{context.trace_id:032x}"
        event["span_id"] = f"{context.span_id:016x}"
        parent = getattr(current, "parent", None)  # of spans that are recorded
        if parent is not None:
            event["parent_id"] = f"{parent.span_id:016x}"
    return event
