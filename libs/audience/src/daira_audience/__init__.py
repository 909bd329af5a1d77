"""URLs of uploads are known to everybody who could see the post: they are replaced when fewer people may."""

from daira_audience.audiences import Audiences
from daira_audience.circles import Circles
from daira_audience.handlers import SUBSCRIPTIONS
from daira_audience.jobs import RENEWING
from daira_audience.projections import projections_of
from daira_audience.urls import Upload, Urls

__all__ = ["RENEWING", "SUBSCRIPTIONS", "Audiences", "Circles", "Upload", "Urls", "projections_of"]
