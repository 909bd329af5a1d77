"""Every metric of media, named once."""

from prometheus_client import Counter, Gauge

RECEIVED_BYTES = Counter("daira_media_received_bytes_total", "Bytes of upload bodies, also those not kept")
UPLOADS = Counter(
    "daira_media_uploads_total", "Uploads by what became of them: created, completed, expired, terminated", ["outcome"]
)
TAKEOVERS = Counter("daira_media_lease_takeovers_total", "Leases taken from a request that had fallen silent")
DECODED = Counter("daira_media_decoded_total", "Runs of the decoder by kind and failure code (ok)", ["kind", "failure"])
SANDBOX_LAYERS = Gauge("daira_media_sandbox_layer", "1 for each layer of confinement that holds here", ["layer"])
