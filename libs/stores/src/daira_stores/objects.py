"""S3-compatible object storage. Bytes go through obstore; buckets and signed forms through minio-py in a thread."""

from datetime import timedelta
from typing import TypeAlias

from obstore.store import S3Store

from daira_kit.errors import Unavailable

ObjectStore: TypeAlias = S3Store


class ObjectStoreUnavailable(Unavailable):
    """The object store does not answer."""

    code = "object_store_unavailable"


def open_objects(endpoint: str, access_key: str, secret_key: str, bucket: str) -> ObjectStore:
    """A store bound to one bucket; `endpoint` with its scheme. Nothing is connected yet."""
    return S3Store(
        bucket,
        endpoint=endpoint,
        access_key_id=access_key,
        secret_access_key=secret_key,
        region="us-east-1",
        virtual_hosted_style_request=False,
        client_options={"allow_http": endpoint.startswith("http://")},
        # The library's own patience is three minutes; callers would rather answer 503 and be asked again.
        retry_config={"max_retries": 4, "retry_timeout": timedelta(seconds=10)},
    )
