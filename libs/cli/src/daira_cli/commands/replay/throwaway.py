"""Where the throw-away stores of a run are made."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from daira_cli.run.scratch import Stores


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Throwaway:
    """Servers that carry the throw-away stores, in place of those of the service's settings."""

    scratch_postgres: Annotated[str | None, Parameter(help="Server for the throw-away database (DSN).")] = None
    scratch_redis: Annotated[str | None, Parameter(help="URL of an empty logical Redis database.")] = None

    def stores(self) -> Stores:
        """As the run takes them."""
        return Stores(postgres=self.scratch_postgres, redis=self.scratch_redis)
