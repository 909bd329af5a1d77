"""Parameters that several routes have."""

from typing import Annotated
from zlib import crc32

import msgspec
from litestar.params import HeaderParameter, QueryParameter

from daira_feed.schemas import PostView
from daira_feed.service.circle import Hints
from daira_kit.errors import BadRequest
from daira_kit.pages import MAX_LIMIT

TAGS = ["feed"]
BEARER = [{"bearer": list[str]()}]
Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT)]
SaveData = Annotated[str | None, HeaderParameter(name="Save-Data", description="`on`: small videos, no autoplay")]
Network = Annotated[
    str | None,
    HeaderParameter(name="Network-Type", description="`cellular` makes the data saver setting CELLULAR take effect"),
]
IfMatch = Annotated[str | None, HeaderParameter(name="If-Match")]
IfNoneMatch = Annotated[str | None, HeaderParameter(name="If-None-Match")]


def hints_of(save_data: str | None, network: str | None) -> Hints:
    """What the client says about its connection."""
    return Hints(save_data=save_data, network=network)


def etag_of(view: PostView, revision: int) -> str:
    """The revision, and a checksum of the rest: names, media and standing change without it."""
    return f'W/"{revision}-{crc32(msgspec.json.encode(view)):08x}"'


def revision_of(if_match: str | None) -> int | None:
    """The revision in an If-Match header. Raises BadRequest for an ETag that this service never gave."""
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"').partition("-")[0]
    if not text.isascii() or not text.isdigit():
        raise BadRequest("If-Match does not hold an ETag of this resource")
    return int(text)
