"""What media can make anew from topics."""

from daira_audience import projections_of
from daira_bus.projection import Projection, Source, Table, by_id
from daira_contracts.video import ProgressReportedV1, VideoChangedV1
from daira_media.repository import assets
from daira_media.repository.shown import SHOWN

PROJECTIONS = (
    Projection(
        name="media.video",
        about="how far a video is and where it plays, as its owner reads it",
        sources=(Source(event_type=VideoChangedV1, put=assets.put_videos, remove=by_id(assets.remove_videos)),),
        tables=(Table(name="video", key=("id",)),),
    ),
    Projection(
        name="media.progress",
        about="percentages of ladders in the making; reports are kept for a day",
        sources=(Source(event_type=ProgressReportedV1, put=assets.put_progress),),
        tables=(Table(name="video_progress", key=("id",), marks="reported_at < now() - interval '1 day'"),),
    ),
    *projections_of("media", SHOWN, uploads="asset"),
)
