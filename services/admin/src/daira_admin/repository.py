"""The audit trail of what operators did by hand."""

from collections.abc import Sequence

import msgspec

from daira_contracts.admin import OperatorActedV1
from daira_stores.arrays import columns_of
from daira_stores.work import Work


async def put_acts(work: Work, events: Sequence[OperatorActedV1]) -> None:
    """Each once, however often it is told; what stands is never changed."""
    await work.execute(
        """
        INSERT INTO operator_act (act_id, acted_at, operator, act, subjects, reason)
        SELECT act_id, acted_at, operator, act, ARRAY(SELECT jsonb_array_elements_text(subjects::jsonb)), reason
        FROM unnest(%s::uuid[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::text[])
            AS told (act_id, acted_at, operator, act, subjects, reason)
        ON CONFLICT DO NOTHING
        """,
        columns_of(
            (event.act_id, event.occurred_at, event.operator, event.act, _listed(event.subjects), event.reason)
            for event in events
        ),
    )


def _listed(subjects: Sequence[str]) -> str:
    # Arrays of different lengths have no place in an array of PostgreSQL's; their JSON has.
    return msgspec.json.encode(subjects).decode()
