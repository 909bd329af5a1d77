"""Use-cases of feed."""

import msgspec

from daira_feed.service.circle import Circle
from daira_feed.service.erasure import Erasure
from daira_feed.service.judging import Judging
from daira_feed.service.medias import Medias
from daira_feed.service.people import People
from daira_feed.service.posts import Posts
from daira_feed.service.profile import Profiles
from daira_feed.service.readers import Readers
from daira_feed.service.refilling import Refilling
from daira_feed.service.spreading import Spreading
from daira_feed.service.switching import Switching


class FeedService(msgspec.Struct, frozen=True, kw_only=True):
    """Everything handlers, jobs and routes call."""

    posts: Posts
    profiles: Profiles
    circle: Circle
    readers: Readers
    judging: Judging
    medias: Medias
    people: People
    spreading: Spreading
    switching: Switching
    erasure: Erasure
    refilling: Refilling
