"""What can be wrong with a request to user."""

from daira_kit.errors import Conflict, Forbidden, NotFound, PreconditionFailed, Unprocessable


class PersonNotFound(NotFound):
    """There is no such person."""

    code = "user_not_found"


class AccountPrivate(Forbidden):
    """This account is private: follow it first."""

    code = "account_private"


class HandleInvalid(Unprocessable):
    """A handle has 3 to 30 letters of one script (Latin or Arabic), digits, dots or underscores, a letter first."""

    code = "handle_invalid"


class HandleReserved(Unprocessable):
    """This handle cannot be taken by anybody."""

    code = "handle_reserved"


class HandleTaken(Conflict):
    """Somebody has this handle, or one that looks like it."""

    code = "handle_taken"


class HandleChangedTooOften(Conflict):
    """The handle was changed too often lately."""

    code = "handle_changed_too_often"


class NotWithYourself(Unprocessable):
    """This can only be done to somebody else."""

    code = "not_with_yourself"


class UnblockFirst(Conflict):
    """You block this person: unblock first."""

    code = "unblock_first"


class RequestNotFound(NotFound):
    """This person does not ask to follow you."""

    code = "follow_request_not_found"


class MediaNotFound(Unprocessable):
    """You have no such picture."""

    code = "media_not_found"


class MediaNotUsable(Unprocessable):
    """This upload cannot be a profile picture."""

    code = "media_not_usable"


class ProfileChanged(PreconditionFailed):
    """The profile is not the one you last read."""

    code = "etag_mismatch"
