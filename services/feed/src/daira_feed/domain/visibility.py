"""Who may see a post where: one function for every surface, asked again at read time."""

from enum import Enum

import msgspec


class Surface(Enum):
    """Where a post is about to be shown."""

    CIRCLE = "CIRCLE"
    PROFILE = "PROFILE"
    POST = "POST"
    DISCOVER = "DISCOVER"
    SEARCH = "SEARCH"
    HASHTAG = "HASHTAG"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a reader and an author stand to each other."""

    is_self: bool = False
    follows: bool = False
    blocks: bool = False
    blocked_by: bool = False
    mutes: bool = False


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What about a post and its author decides who may see it."""

    is_published: bool
    followers_only: bool = False
    author_is_private: bool = False
    author_is_unknown: bool = False
    """Nobody told yet whether the author is private: until then they are."""
    author_is_gone: bool = False


_UNASKED = frozenset({Surface.CIRCLE, Surface.DISCOVER, Surface.SEARCH, Surface.HASHTAG})
"""Surfaces where nobody asked for this very author: there a mute counts."""
_FOR_STRANGERS = frozenset({Surface.DISCOVER, Surface.SEARCH, Surface.HASHTAG})


def may_see(surface: Surface, standing: Standing, subject: Subject) -> bool:
    """The whole rule. Authors see their own unpublished posts only where they ask for one post or for their profile."""
    if subject.author_is_gone or standing.blocks or standing.blocked_by:
        return False
    if standing.is_self:
        return surface in (Surface.POST, Surface.PROFILE) or (subject.is_published and surface is not Surface.CIRCLE)
    if not subject.is_published:
        return False
    if standing.mutes and surface in _UNASKED:
        return False
    if subject.followers_only or subject.author_is_private or subject.author_is_unknown:
        return standing.follows and surface not in _FOR_STRANGERS
    return standing.follows or surface is not Surface.CIRCLE
