"""What clients may ask of auth."""

from daira_auth.routes import webhooks
from daira_auth.routes.account import erase_me
from daira_auth.routes.examples import EXAMPLES
from daira_auth.routes.keys import read_jwks
from daira_auth.routes.login import fall_back, log_in, verify
from daira_auth.routes.sessions import end_session, list_sessions, log_out, refresh

__all__ = ["EXAMPLES", "ROUTES"]
ROUTES = (
    log_in,
    fall_back,
    verify,
    refresh,
    log_out,
    list_sessions,
    end_session,
    read_jwks,
    erase_me,
    *webhooks.ROUTES,
)
