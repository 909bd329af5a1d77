"""Surfaces x relations: every cell of who may see what where."""

from itertools import product

import pytest

from daira_feed.domain.visibility import Standing, Subject, Surface, may_see

RELATIONS = {
    "self": Standing(is_self=True),
    "stranger": Standing(),
    "follower": Standing(follows=True),
    "blocker": Standing(follows=True, blocks=True),
    "blocked": Standing(follows=True, blocked_by=True),
    "muter": Standing(follows=True, mutes=True),
    "muting stranger": Standing(mutes=True),
}
SUBJECTS = {
    "public": Subject(is_published=True),
    "followers only": Subject(is_published=True, followers_only=True),
    "private author": Subject(is_published=True, author_is_private=True),
    "unknown author": Subject(is_published=True, author_is_unknown=True),
    "unpublished": Subject(is_published=False),
    "gone author": Subject(is_published=True, author_is_gone=True),
}
# One letter a surface: Circle, Profile, pOst, Discover, Search, Hashtag; a dot where it must not be seen.
TABLE = """
                  public   followers-only  private-author  unknown-author  unpublished  gone-author
self              .PODSH   .PODSH          .PODSH          .PODSH          .PO...       ......
stranger          .PODSH   ......          ......          ......          ......       ......
follower          CPODSH   CPO...          CPO...          CPO...          ......       ......
blocker           ......   ......          ......          ......          ......       ......
blocked           ......   ......          ......          ......          ......       ......
muter             .PO...   .PO...          .PO...          .PO...          ......       ......
muting stranger   .PO...   ......          ......          ......          ......       ......
"""
LETTERS = dict(zip("CPODSH", Surface, strict=True))


def expected() -> dict[tuple[str, str], str]:
    rows = [line for line in TABLE.splitlines() if line.strip()][1:]
    cells = {line[:18].strip(): line[18:].split() for line in rows}
    return {(relation, subject): cells[relation][at] for relation in cells for at, subject in enumerate(SUBJECTS)}


def test_every_surface_and_relation_is_in_the_table() -> None:
    assert set(expected()) == set(product(RELATIONS, SUBJECTS))
    assert set(LETTERS.values()) == set(Surface)


@pytest.mark.parametrize(("relation", "subject"), list(product(RELATIONS, SUBJECTS)))
def test_a_post_is_seen_exactly_where_the_table_says(relation: str, subject: str) -> None:
    seen = "".join(
        letter if may_see(surface, RELATIONS[relation], SUBJECTS[subject]) else "."
        for letter, surface in LETTERS.items()
    )

    assert seen == expected()[relation, subject]
