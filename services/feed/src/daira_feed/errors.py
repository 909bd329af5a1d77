"""What can be wrong with a request to feed."""

from daira_kit.errors import Forbidden, Gone, NotFound, Unprocessable, ValidationFailed


class PostNotFound(NotFound):
    """There is no such post, or not for you."""

    code = "post_not_found"


class PostRemoved(Gone):
    """This post was removed."""

    code = "post_removed"


class NotTheAuthor(Forbidden):
    """Only its author may change a post."""

    code = "not_the_author"


class AuthorErased(Forbidden):
    """This account was erased."""

    code = "account_erased"


class PostInvalid(ValidationFailed):
    """The post is not valid."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message, errors=[{"field": field, "message": message}])


class PostNotEditable(Unprocessable):
    """A rejected post cannot be edited; make a new one."""

    code = "post_not_editable"


class UserNotFound(NotFound):
    """There is no such person, or not for you."""

    code = "user_not_found"
