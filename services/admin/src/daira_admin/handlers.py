"""What admin hears. Each runs inside the transaction that also holds its inbox row."""

from daira_admin.service import AdminService
from daira_bus.subscription import on
from daira_contracts.admin import OperatorActedV1
from daira_contracts.auth import StaffActionRecordedV1
from daira_stores.work import Work


async def keep_operator_act(event: OperatorActedV1, work: Work, admin: AdminService) -> None:
    """One entry of the audit trail."""
    await admin.keep_act(work, event)


async def keep_staff_action(event: StaffActionRecordedV1, work: Work, admin: AdminService) -> None:
    """One entry of the audit trail."""
    await admin.keep_staff_action(work, event)


SUBSCRIPTIONS = (on(OperatorActedV1, keep_operator_act), on(StaffActionRecordedV1, keep_staff_action))
