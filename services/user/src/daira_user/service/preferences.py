"""Settings that other services act upon."""

from uuid import UUID

from msgspec import UnsetType

from daira_contracts.user import DataSaver as ToldDataSaver
from daira_contracts.user import SettingsChangedV1
from daira_stores.postgres import Database
from daira_user.domain.profiles import DataSaver
from daira_user.errors import PersonNotFound
from daira_user.repository import profiles
from daira_user.repository import settings as rows

DEFAULT = DataSaver.CELLULAR


class Preferences:
    """What a person chose; the default until then."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, user_id: UUID) -> DataSaver:
        """When to spare mobile data."""
        async with self._database.read() as work:
            found = await rows.read(work, user_id)
        return found or DEFAULT

    async def write(self, user_id: UUID, data_saver: DataSaver | UnsetType) -> DataSaver:
        """Choose; a repeat tells nothing. Raises PersonNotFound after an erasure."""
        if isinstance(data_saver, UnsetType):
            return await self.read(user_id)
        async with self._database.work() as work:
            await profiles.lock_person(work, user_id)
            if await profiles.is_erased(work, user_id):
                raise PersonNotFound
            revision = await rows.put(work, user_id, data_saver)
            if revision is not None:
                event = SettingsChangedV1(
                    revision=revision, user_id=user_id, data_saver=ToldDataSaver(data_saver.value)
                )
                await work.emit(event)
        return data_saver
