"""What moderation does, by area."""

from dataclasses import dataclass

from daira_moderation.service.cases import Cases
from daira_moderation.service.policy import Policy
from daira_moderation.service.rejudging import Rejudging
from daira_moderation.service.verdicts import Verdicts
from daira_moderation.service.wordlists import WordLists

__all__ = ["ModerationService"]


@dataclass(frozen=True, kw_only=True)
class ModerationService:
    """The areas of moderation, as routes, handlers and jobs reach them."""

    policy: Policy
    verdicts: Verdicts
    rejudging: Rejudging
    cases: Cases
    wordlists: WordLists
