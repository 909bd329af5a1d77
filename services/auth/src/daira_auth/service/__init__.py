"""What auth does, by area."""

from dataclasses import dataclass

from daira_auth.service.account import AccountService
from daira_auth.service.keys import KeyKeeper
from daira_auth.service.login import LoginService
from daira_auth.service.receipts import Receipts
from daira_auth.service.sessions import SessionService
from daira_auth.service.staff import StaffService
from daira_auth.service.upkeep import Upkeep

__all__ = ["AuthService"]


@dataclass(frozen=True, kw_only=True)
class AuthService:
    """The areas of auth, as routes and jobs reach them."""

    logins: LoginService
    sessions: SessionService
    receipts: Receipts
    staff: StaffService
    account: AccountService
    keys: KeyKeeper
    upkeep: Upkeep
