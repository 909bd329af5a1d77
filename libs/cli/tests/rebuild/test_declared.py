"""Every table of every service is either a projection, which has a proof, or owned state; the docs name each."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from daira_bus.projection import Projection
from daira_cli.rebuild.finding import everything
from daira_cli.services import names
from daira_devtools.root import checkout_root

ROOT = checkout_root()
DOCS = (ROOT / "docs" / "replay.md").read_text().split("## Rebuilding projections")[1].split("\n## ")[0]
BEFORE, AFTER = DOCS.split("Not projections")


def rows_of(text: str) -> list[list[str]]:
    """Cells of a table, head and rule left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def quoted(text: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", text))


OWNED = {service: quoted(tables) for service, tables in rows_of(AFTER)}


def tables_of(schema: Path) -> set[str]:
    return set(re.findall(r"CREATE TABLE (\w+)", schema.read_text())) if schema.exists() else set()


@pytest.mark.parametrize("service", names())
def test_every_table_is_a_projection_or_owned_state(service: str) -> None:
    tables = tables_of(Path(str(files(f"daira_{service}"))) / "migrations" / "schema.sql")
    projected = {table for one in everything(service) for table in one.tables}
    owned = OWNED.get(service, set())

    assert projected | owned == tables
    assert not projected & owned


@pytest.mark.parametrize("service", names())
def test_every_service_with_projections_has_a_proof_of_them(service: str) -> None:
    proof = ROOT / "services" / service / "tests" / "test_rebuild.py"
    if not any(isinstance(one.projection, Projection) for one in everything(service)):
        return

    assert {"Verifier", "verify_rebuild"} <= set(re.findall(r"\w+", proof.read_text()))


def test_the_docs_name_every_projection_with_its_tables_and_topics() -> None:
    told = {name: quoted(row[1] + row[2]) for row in rows_of(BEFORE) for name in quoted(row[0])}

    assert set(told) == {one.projection.name for one in everything()}
    for one in everything():
        words = told[one.projection.name]
        tables = {word.partition(".")[0] for word in words}  # of some tables the docs name a column
        assert {*one.topics} <= words
        assert {*one.tables} <= tables
