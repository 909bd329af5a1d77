"""Which post shows which upload to whom."""

from daira_audience.repository.shown import ShownRows

SHOWN = ShownRows("media_id")
