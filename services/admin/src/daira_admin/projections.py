"""What admin can make anew from topics."""

from collections.abc import Sequence

from daira_admin.repository import put_acts
from daira_admin.service import act_of
from daira_bus.projection import Projection, Source, Table
from daira_contracts.admin import OperatorActedV1
from daira_contracts.auth import StaffActionRecordedV1
from daira_stores.work import Work


async def put_staff_actions(work: Work, events: Sequence[StaffActionRecordedV1]) -> None:
    """As the live handler does, many at once."""
    await put_acts(work, [act_of(event) for event in events])


PROJECTIONS = (
    Projection(
        name="admin.acts",
        about="the audit trail: both topics are kept for ever, so a row that was changed or removed by hand shows",
        sources=(
            Source(event_type=OperatorActedV1, put=put_acts),
            Source(event_type=StaffActionRecordedV1, put=put_staff_actions),
        ),
        tables=(Table(name="operator_act", key=("act_id",)),),
    ),
)
