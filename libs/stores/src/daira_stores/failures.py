"""What a failure of PostgreSQL means to whoever waits, decided by its SQLSTATE."""

from psycopg import OperationalError

from daira_kit.errors import DairaError, Unavailable

RETRY_AFTER_SECONDS = 1
EXHAUSTED_RETRY_AFTER_SECONDS = 30
_LIMIT_CLASS = "54"
_LIMITS = frozenset({"53400"})
_CROWDED = "53300"
_EXHAUSTED_CLASSES = ("53", "58")


class DatabaseUnavailable(Unavailable):
    """The database does not answer."""

    code = "database_unavailable"


class DatabaseExhausted(DatabaseUnavailable):
    """The database has no room or no memory left: a person must help before trying again does."""

    code = "database_exhausted"


class DatabaseLimitExceeded(DairaError):
    """What was asked for is more than the database can ever take."""

    code = "database_limit_exceeded"


def failure_of(error: OperationalError) -> DairaError:
    """What to raise in place of `error`.

    - DatabaseLimitExceeded for class 54 (a row, an index entry or a statement over a limit of the program) and 53400
      (over a limit of the configuration): the same will fail for ever, so a record is dead-lettered, a job given up.
    - DatabaseExhausted for the rest of class 53 (disk full, out of memory) and class 58 (the system under it fails):
      the record is innocent and any other would fail too. It is waited for like an outage, under a name of its own.
    - DatabaseUnavailable for everything else: no SQLSTATE (no connection), class 08, 53300 (too many connections),
      class 57 (shutdown, cancelled), class 40 (deadlock), 55P03 (lock not available). Trying again helps.
    """
    state = error.sqlstate or ""
    if state.startswith(_LIMIT_CLASS) or state in _LIMITS:
        return DatabaseLimitExceeded()
    if state.startswith(_EXHAUSTED_CLASSES) and state != _CROWDED:
        return DatabaseExhausted(retry_after=EXHAUSTED_RETRY_AFTER_SECONDS)
    return unavailable()


def unavailable() -> DatabaseUnavailable:
    """With the time after which asking again makes sense."""
    return DatabaseUnavailable(retry_after=RETRY_AFTER_SECONDS)
