"""What a reader asked for once and for all."""

from uuid import UUID

from daira_feed.domain.saver import is_saving
from daira_feed.repository import audience
from daira_feed.service.circle import Hints
from daira_stores.postgres import Database


class Readers:
    """For surfaces that are read from PostgreSQL; Circle has the setting in Redis."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def saves_data(self, reader_id: UUID, hints: Hints) -> bool:
        """True when videos should be small and wait to be asked."""
        async with self._database.read() as work:
            reader = await audience.find_reader(work, reader_id)
        return is_saving(reader.data_saver, save_data=hints.save_data, network=hints.network)
