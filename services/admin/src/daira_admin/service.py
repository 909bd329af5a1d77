"""Which page may be seen where, and what operators did."""

from collections.abc import Mapping

from daira_admin.adapters.pages import File
from daira_admin.repository import put_acts
from daira_contracts.admin import OperatorActedV1
from daira_contracts.staff import StaffActionRecorded
from daira_kit.errors import NotFound
from daira_stores.work import Work

INDEX = "index.html"


class AdminService:
    """`pages` by folder, then by name."""

    def __init__(self, pages: Mapping[str, Mapping[str, File]], *, shows_preview: bool) -> None:
        self._pages = {name: page for name, page in pages.items() if name != "preview" or shows_preview}

    def page(self, folder: str, name: str = INDEX) -> File:
        """Raises NotFound; the preview exists in development only, since it logs in against the sandbox."""
        found = self._pages.get(folder, {}).get(name)
        if found is None:
            raise NotFound
        return found

    async def keep_act(self, work: Work, event: OperatorActedV1) -> None:
        """The audit trail is append only."""
        await put_acts(work, [event])

    async def keep_staff_action(self, work: Work, event: StaffActionRecorded) -> None:
        """What staff do inside a service stands beside what operators do by hand."""
        await put_acts(work, [act_of(event)])


def act_of(event: StaffActionRecorded) -> OperatorActedV1:
    """The same in the words of the audit trail."""
    return OperatorActedV1(
        act_id=event.action_id,
        occurred_at=event.occurred_at,
        operator=event.actor,
        act=event.action,
        subjects=(str(event.subject_id), *filter(None, [event.detail])),
        reason=event.reason,
    )
