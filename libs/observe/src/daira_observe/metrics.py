"""Metrics that every service has. A service's own are named once in its metrics.py."""

from prometheus_client import Counter, Gauge, Histogram

HTTP_REQUESTS = Counter("daira_http_requests_total", "Answered requests", ["method", "route", "status"])
HTTP_SECONDS = Histogram(
    "daira_http_request_seconds",
    "Time from the first byte of a request to the last of its answer",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
)
CONSUMED = Counter(
    "daira_consumed_total", "Records by outcome: handled, duplicate, ignored, dead", ["topic", "outcome"]
)
CONSUME_SECONDS = Histogram("daira_consume_seconds", "Time in one handler with its transaction", ["topic"])
CONSUMER_RETRIES = Counter("daira_consumer_retries_total", "Tries after the first", ["topic", "error"])
CONSUMER_AGE = Gauge("daira_consumer_oldest_seconds", "Age of the record in hand", ["topic", "partition"])
CONSUMER_REBUILDS = Counter("daira_consumer_rebuilds_total", "Kafka clients thrown away by the watchdog")
OUTBOX_PENDING = Gauge("daira_outbox_pending", "Rows not yet published", ["shard"])
OUTBOX_PUBLISHED = Counter("daira_outbox_published_total", "Rows published", ["topic"])
JOBS = Counter("daira_jobs_total", "Jobs by outcome: done, retried, dead", ["kind", "outcome"])
