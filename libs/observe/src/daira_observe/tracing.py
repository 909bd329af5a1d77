"""W3C trace context through HTTP headers, outbox rows and Kafka headers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()
LONGEST_ID = 64
_CAUSE: ContextVar[str | None] = ContextVar("cause", default=None)


def set_up_tracing(service: str, otlp_endpoint: str = "") -> None:
    """Spans always exist, so that trace ids reach logs and topics; they are exported only with an endpoint."""
    # Here and not above: commands have no spans of their own, and few processes export any.
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    provider = TracerProvider(resource=Resource.create({"service.name": f"daira-{service}"}))
    if otlp_endpoint:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        exporter = OTLPSpanExporter(endpoint=f"{otlp_endpoint.rstrip('/')}/v1/traces")
        provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)


@contextmanager
def span(
    name: str,
    *,
    carrier: Mapping[str, str] | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Mapping[str, str | int] | None = None,
) -> Iterator[Span]:
    """A current span, child of the `traceparent` in `carrier` when there is one. Errors are recorded and raised on."""
    parent = _PROPAGATOR.extract(dict(carrier)) if carrier else None
    tracer = trace.get_tracer("daira")
    with tracer.start_as_current_span(
        name, context=parent, kind=kind, attributes=dict(attributes or {}), record_exception=True
    ) as current:
        try:
            yield current
        except BaseException as error:
            current.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


def traceparent() -> str | None:
    """The current span as a `traceparent` value, or None outside any span."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get("traceparent")


@contextmanager
def caused_by(event_id: str | None) -> Iterator[None]:
    """Whatever is told or enqueued inside the block is told because of that event. What can be no id is left out."""
    is_id = event_id is not None and len(event_id) <= LONGEST_ID and event_id.isprintable()
    token = _CAUSE.set(event_id if is_id else None)
    try:
        yield
    finally:
        _CAUSE.reset(token)


def cause() -> str | None:
    """The event that is being handled, by its id; None outside any."""
    return _CAUSE.get()


def trace_id() -> str | None:
    """The current trace id in hex, or None outside any span."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None
