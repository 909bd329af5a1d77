"""An error of PostgreSQL says what went wrong, and not whose row it was."""

import json
import logging
import traceback

import pytest
from psycopg.errors import CheckViolation, UniqueViolation

from daira_observe.logs import get_logger, set_up_logging
from daira_observe.private import without_values
from daira_stores.postgres import Database
from daira_testing.fixtures import MakeDatabase

NUMBER, TEXT = "+201001234567", "نص\nعلى سطرين"


@pytest.fixture
async def database(make_database: MakeDatabase) -> Database:
    made = await make_database()
    async with made.work() as work:
        await work.execute("CREATE TABLE said (phone text UNIQUE, words text CHECK (length(phone) > 3))")
        await work.execute("INSERT INTO said VALUES (%s, %s)", (NUMBER, TEXT))
    return made


async def violate(database: Database, phone: str) -> Exception:
    try:
        async with database.work() as work:
            await work.execute("INSERT INTO said VALUES (%s, %s)", (phone, TEXT))
    except (UniqueViolation, CheckViolation) as error:
        return error
    raise AssertionError("nothing was violated")


@pytest.mark.parametrize(("phone", "rule"), [(NUMBER, "said_phone_key"), ("٠١٠", "said_phone_check")])
async def test_what_is_kept_of_an_error_names_the_rule_and_no_value(database: Database, phone: str, rule: str) -> None:
    error = await violate(database, phone)
    forms = [str(error), repr(error), "".join(traceback.format_exception(error))]

    assert all(phone in form for form in forms)
    for form in map(without_values, forms):
        assert rule in form
        assert not [value for value in (phone, "نص", "سطرين") if value in form]


async def test_a_log_line_with_an_error_and_its_traceback_holds_no_value(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    error = await violate(database, NUMBER)
    handlers, level = logging.getLogger().handlers, logging.getLogger().level
    set_up_logging("test")
    try:
        get_logger("test").error("it_failed", error=repr(error), exc_info=error)
        logging.getLogger("library").error("failed: %s", error)
    finally:
        logging.getLogger().handlers = handlers
        logging.getLogger().setLevel(level)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    assert [line["level"] for line in lines] == ["error", "error"]
    assert "said_phone_key" in lines[0]["exception"]
    assert NUMBER not in str(lines)
    assert "سطرين" not in str(lines)


def test_what_follows_a_quoted_row_in_a_chain_of_errors_stays() -> None:
    chain = "UniqueViolation: no\nDETAIL:  Key (a)=(b\nc) exists.\n\nThe above exception was the cause\nTraceback: here"

    assert without_values(chain) == (
        "UniqueViolation: no\nDETAIL: left out\nThe above exception was the cause\nTraceback: here"
    )
