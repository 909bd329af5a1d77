"""What video can make anew from topics."""

from daira_audience import projections_of
from daira_video.repository.shown import SHOWN

PROJECTIONS = projections_of("video", SHOWN, uploads="video")
