"""What tus requests say in their headers, for the API document: the routes read them by themselves."""

from typing import Any, Final

from daira_media.domain import tus
from daira_web.described import IMPLIED_HEADERS, Header, takes

_VERSION: Final = Header(
    name="Tus-Resumable", description="The version of tus that the client speaks", example=tus.VERSION, required=True
)
_LENGTH: Final = Header(
    name="Upload-Length", description="Bytes of the whole upload; or `Upload-Defer-Length: 1`", example="1048576"
)
_LATER_LENGTH: Final = Header(name="Upload-Length", description="Once, where creation deferred it")
_DEFER: Final = Header(name="Upload-Defer-Length", description="`1`: the length comes with a later request")
_METADATA: Final = Header(
    name="Upload-Metadata",
    description="`filename`, `filetype` and `purpose` (VIDEO, IMAGE, VOICE or AVATAR), each with its value in Base64",
    example="filename Y2xpcC5tcDQ=,filetype dmlkZW8vbXA0,purpose VklERU8=",
)
_CONCAT: Final = Header(name="Upload-Concat", description="`partial`, or `final;` and the URLs of the parts")
_OFFSET: Final = Header(
    name="Upload-Offset", description="Where the bytes begin: what HEAD told", example="0", required=True
)
_SUM: Final = Header(name="Upload-Checksum", description="`sha1` or `sha256`, a space, and the digest in Base64")
_METHOD: Final = Header(
    name="X-HTTP-Method-Override", description="PATCH, DELETE or HEAD", example="HEAD", required=True
)

SPEAKING: Final[dict[str, Any]] = takes(_VERSION)
CREATING: Final[dict[str, Any]] = takes(
    _VERSION, _LENGTH, _DEFER, _METADATA, _CONCAT, _SUM, IMPLIED_HEADERS["idempotency"], body=tus.CHUNK_TYPE
)
WRITING: Final[dict[str, Any]] = takes(_VERSION, _OFFSET, _LATER_LENGTH, _SUM, body=tus.CHUNK_TYPE, needs_body=True)
OVERRIDING: Final[dict[str, Any]] = takes(
    _VERSION,
    _METHOD,
    Header(name="Upload-Offset", description="For PATCH"),
    _LATER_LENGTH,
    _SUM,
    body=tus.CHUNK_TYPE,
)
