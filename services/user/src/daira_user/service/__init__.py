"""What user does, by area."""

from dataclasses import dataclass

from daira_user.service.exports import Exports
from daira_user.service.lists import Lists
from daira_user.service.people import People
from daira_user.service.pictures import Pictures
from daira_user.service.preferences import Preferences
from daira_user.service.profiles import Profiles
from daira_user.service.relations import Relations

__all__ = ["UserService"]


@dataclass(frozen=True, kw_only=True)
class UserService:
    """The areas of user, as routes, handlers and jobs reach them."""

    people: People
    profiles: Profiles
    pictures: Pictures
    relations: Relations
    lists: Lists
    preferences: Preferences
    exports: Exports
