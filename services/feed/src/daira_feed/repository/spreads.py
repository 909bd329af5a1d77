"""How far a post is on its way to Circles, so that a dead worker's successor goes on from the same page."""

from typing import Literal
from uuid import UUID

import msgspec

from daira_feed.repository.rows import convert
from daira_stores.work import Work

Wanted = Literal["SHOWN", "HIDDEN"]


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """`after_follower` is the last one reached."""

    post_id: UUID
    wanted: Wanted
    after_follower: UUID | None = None
    is_done: bool = False


async def find(work: Work, post_id: UUID) -> Spread | None:
    """None when the post was never on its way."""
    return convert(await work.one("SELECT * FROM spread WHERE post_id = %s", (post_id,)), Spread)


async def put(work: Work, spread: Spread) -> None:
    """The progress as it is; gone posts have none."""
    await work.execute(
        """
        INSERT INTO spread (post_id, wanted, after_follower, is_done)
        SELECT %(post_id)s, %(wanted)s, %(after_follower)s, %(is_done)s WHERE EXISTS (
            SELECT 1 FROM post WHERE id = %(post_id)s)
        ON CONFLICT (post_id) DO UPDATE SET wanted = excluded.wanted, after_follower = excluded.after_follower,
            is_done = excluded.is_done
        """,
        msgspec.structs.asdict(spread),
    )
