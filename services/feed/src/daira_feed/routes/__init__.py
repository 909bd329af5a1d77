"""What a client may ask."""

from daira_feed.routes.examples import EXAMPLES
from daira_feed.routes.feeds import read_circle, read_posts_of_user
from daira_feed.routes.posts import create_post, edit_post, read_post, remove_post

__all__ = ["EXAMPLES", "ROUTES"]
ROUTES = (create_post, read_post, edit_post, remove_post, read_circle, read_posts_of_user)
