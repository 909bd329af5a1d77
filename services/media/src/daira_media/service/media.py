"""All use-cases of media, for handlers and jobs."""

import msgspec

from daira_audience import Audiences, Circles
from daira_media.domain.assets import Asset
from daira_media.service.assets import Assets
from daira_media.service.completing import Completing
from daira_media.service.exports import Exports
from daira_media.service.joining import Joining
from daira_media.service.renditions import Renditions
from daira_media.service.uploads import Uploads
from daira_media.service.writing import Writing
from daira_web.cdn import Purging


class MediaService(msgspec.Struct, frozen=True, kw_only=True):
    """One object per process."""

    uploads: Uploads
    writing: Writing
    joining: Joining
    completing: Completing
    assets: Assets
    audiences: Audiences[Asset]
    circles: Circles[Asset]
    renditions: Renditions
    exports: Exports
    purging: Purging
