"""What can be wrong with a request to moderation."""

from daira_kit.errors import Conflict, NotFound


class CaseNotFound(NotFound):
    """There is no such case."""

    code = "case_not_found"


class CaseClosed(Conflict):
    """This case was decided already, or its subject has changed since."""

    code = "case_closed"
