"""Every metric of media, named once."""

from prometheus_client import Counter, Gauge

RECEIVED_BYTES = Counter("daira_media_received_bytes_total", "Bytes of upload bodies, also those not kept")
UPLOADS = Counter(
    "daira_media_uploads_total", "Uploads by what became of them: created, completed, expired, terminated", ["outcome"]
)
TAKEOVERS = Counter("daira_media_lease_takeovers_total", "Leases taken from a request that had fallen silent")
DECODED = Counter("daira_media_decoded_total", "Runs of the decoder by kind and failure code (ok)", ["kind", "failure"])
SANDBOX_LEVEL = Gauge("daira_media_sandbox_level", "Confinement reached here: 0 none to 4 namespaces; -1 too weak")
SANDBOX_LEAK = Gauge(
    "daira_media_sandbox_leak",
    "1 where this way out of the sandbox worked when it was tried at start, 0 where it was refused",
    ["attempt"],
)
