"""Which post shows which video to whom."""

from daira_audience.repository.shown import ShownRows

SHOWN = ShownRows("video_id")
