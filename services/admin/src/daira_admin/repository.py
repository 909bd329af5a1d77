"""The audit trail of what operators did by hand."""

from daira_contracts.admin import OperatorActedV1
from daira_stores.work import Work


async def keep_act(work: Work, event: OperatorActedV1) -> None:
    """Once, however often it is told."""
    await work.execute(
        """
        INSERT INTO operator_act (act_id, acted_at, operator, act, subjects, reason) VALUES (%s, %s, %s, %s, %s, %s)
        ON CONFLICT DO NOTHING
        """,
        (event.act_id, event.occurred_at, event.operator, event.act, list(event.subjects), event.reason),
    )
