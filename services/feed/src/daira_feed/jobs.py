"""Slow work of feed: each looks at what is true now and makes Redis say the same, so that running twice is harmless."""

from uuid import UUID

from daira_bus.jobs import Job, job
from daira_feed.service import FeedService
from daira_feed.service.erasure import ERASE
from daira_feed.service.judging import MEDIA_DEADLINE
from daira_feed.service.medias import RECHECK
from daira_feed.service.people import AUTHOR_CARD, READER_STATE, TIE
from daira_feed.service.switching import SWITCH
from daira_feed.service.telling import SPREAD


async def spread_post(job: Job, feed: FeedService) -> None:
    """A post reaches its followers' Circles, or leaves them."""
    await feed.spreading.spread(UUID(job.key))


async def end_media_wait(job: Job, feed: FeedService) -> None:
    """A post does not wait for ever for media nobody has heard of."""
    await feed.medias.end_wait(UUID(job.key))


async def recheck_media(job: Job, feed: FeedService) -> None:
    """Posts are judged by what is known of their media now."""
    await feed.medias.recheck(UUID(job.key))


async def tie(job: Job, feed: FeedService) -> None:
    """One person's relation to another reaches both Circles."""
    actor, _, target = job.key.partition(":")
    await feed.people.tie(UUID(actor), UUID(target))


async def put_author_card(job: Job, feed: FeedService) -> None:
    """An author's name and picture reach all cards."""
    await feed.people.put_author_card(UUID(job.key))


async def put_reader_state(job: Job, feed: FeedService) -> None:
    """A reader's settings reach the Circle."""
    await feed.people.put_reader_state(UUID(job.key))


async def switch_author(job: Job, feed: FeedService) -> None:
    """An author's posts travel in another way from now on."""
    await feed.switching.switch(UUID(job.key))


async def erase_person(job: Job, feed: FeedService) -> None:
    """Nothing of this person stays."""
    await feed.erasure.erase(UUID(job.key))


JOBS = (
    job(SPREAD, spread_post, concurrency=4, max_attempts=20),
    job(TIE, tie, concurrency=4, max_attempts=20),
    job(AUTHOR_CARD, put_author_card, max_attempts=20),
    job(READER_STATE, put_reader_state, max_attempts=20),
    job(MEDIA_DEADLINE, end_media_wait, max_attempts=20),
    job(RECHECK, recheck_media, max_attempts=20),
    job(SWITCH, switch_author, max_attempts=20),
    job(ERASE, erase_person, max_attempts=20),
)
