"""All use-cases of media, for handlers and jobs."""

import msgspec

from daira_media.service.assets import Assets
from daira_media.service.completing import Completing
from daira_media.service.exports import Exports
from daira_media.service.joining import Joining
from daira_media.service.renditions import Renditions
from daira_media.service.uploads import Uploads
from daira_media.service.writing import Writing


class MediaService(msgspec.Struct, frozen=True, kw_only=True):
    """One object per process."""

    uploads: Uploads
    writing: Writing
    joining: Joining
    completing: Completing
    assets: Assets
    renditions: Renditions
    exports: Exports
