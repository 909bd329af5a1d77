"""Who works here: the roles there are, and what a token says of them."""

from collections.abc import Collection

STAFF = "staff"
ROLES = (STAFF, "moderator", "admin")
"""`staff` opens what all who work here may see; the others add to it."""


def roles_in_token(held: Collection[str]) -> list[str]:
    """Every role comes with `staff`.

    >>> roles_in_token(["moderator"]), roles_in_token([])
    (['moderator', 'staff'], [])
    """
    return sorted({STAFF, *held}) if held else []
