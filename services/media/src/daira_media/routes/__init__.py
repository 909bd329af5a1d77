"""What clients may ask of media."""

from daira_media.routes.files import files_router
from daira_media.routes.media import read_media
from daira_media.routes.uploads import uploads_router

ROUTES = (uploads_router, read_media, files_router)
