"""What a person chose about how the app behaves."""

from uuid import UUID

from daira_stores.work import Work
from daira_user.domain.profiles import DataSaver


async def read(work: Work, user_id: UUID) -> DataSaver | None:
    """What was chosen; None before anything was chosen."""
    row = await work.one("SELECT data_saver FROM setting WHERE user_id = %s", (user_id,))
    return DataSaver(row["data_saver"]) if row else None


async def put(work: Work, user_id: UUID, data_saver: DataSaver) -> int | None:
    """The new revision; None when nothing changed."""
    row = await work.one(
        """
        INSERT INTO setting (user_id, data_saver, revision) VALUES (%s, %s, 1)
        ON CONFLICT (user_id) DO UPDATE SET data_saver = excluded.data_saver, revision = setting.revision + 1
        WHERE setting.data_saver <> excluded.data_saver RETURNING revision
        """,
        (user_id, data_saver.value),
    )
    return row["revision"] if row else None
