"""`daira config`: every setting with its value, where that comes from, and what it means."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from daira_cli.configuration import meanings, shown
from daira_cli.exits import Exit
from daira_cli.services import find, names
from daira_cli.where import IN_ORDER_OF_PORTS, Where
from daira_devtools.stack import endpoints, table
from daira_devtools.stack.service_env import declared
from daira_testing.command import say

GIVEN = {
    "DAIRA_WALLET_POSTGRES_DSN": "postgresql://daira:hush-hush@db:5432/daira_wallet",
    "DAIRA_WALLET_KAFKA_BOOTSTRAP": "k1:9092,k2:9092",
    "DAIRA_WALLET_CURSOR_SECRET": "hush-hush",
    "DAIRA_WALLET_ROOT_PUBLIC_KEY": "anybody may know",
}


@pytest.fixture
def wallet(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The least that wallet starts with."""
    for variable, value in GIVEN.items():
        monkeypatch.setenv(variable, value)
    return monkeypatch


async def explained(*words: object) -> dict[str, Any]:
    said = await say("config", "--service", "wallet", "--json", *words)
    return {one["variable"]: one for one in said.json["settings"]}


async def test_every_setting_is_there_with_its_value_and_where_that_comes_from(wallet: pytest.MonkeyPatch) -> None:
    wallet.setenv("DAIRA_WALLET_PORT", "9000")

    found = await explained()

    assert {name.removeprefix("DAIRA_WALLET_").lower() for name in found} == {*declared("wallet"), "daira_env"} - {
        "env"
    }
    assert (found["DAIRA_WALLET_PORT"]["value"], found["DAIRA_WALLET_PORT"]["source"]) == ("9000", "environment")
    assert (found["DAIRA_WALLET_HOST"]["value"], found["DAIRA_WALLET_HOST"]["source"]) == ("127.0.0.1", "default")
    assert found["DAIRA_ENV"]["value"] == "prod"


async def test_no_secret_and_no_password_is_ever_shown(wallet: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wallet.delenv("DAIRA_WALLET_CURSOR_SECRET")
    (tmp_path / "secret").write_text("hush-hush\n")
    wallet.setenv("DAIRA_WALLET_CURSOR_SECRET_FILE", str(tmp_path / "secret"))

    words = [await say("config", "--service", "wallet", *more) for more in ((), ("--explain",), ("--json",))]

    assert all(said.code == Exit.OK for said in words)
    assert all("hush-hush" not in said.out + said.err for said in words)
    assert all("postgresql://daira:(hidden)@db:5432/daira_wallet" in said.out for said in words)
    assert f"file {tmp_path / 'secret'}" in words[0].out
    assert "anybody may know" in words[0].out


@pytest.mark.parametrize("service", names())
def test_everything_that_sounds_secret_is_hidden(service: str) -> None:
    words = ("secret", "password", "private", "access_key", "api_key", "app_key", "_token", "hmac")
    fields = [field for field in declared(service) if any(word in field for word in words)]

    assert [field for field in fields if shown(field, "x") == "x"] == []


@pytest.mark.parametrize("service", names())
def test_every_setting_says_what_it_means(service: str) -> None:
    fields = {field.name for field in msgspec.structs.fields(find(service).settings)}

    assert fields - meanings(find(service).settings).keys() == set()


async def test_the_meaning_is_told_beside_type_and_default(wallet: pytest.MonkeyPatch) -> None:
    said = (await say("config", "--service", "wallet", "--explain")).out

    assert "How long a stopping process finishes what it began, in seconds." in said
    assert "float, default '15.0'" in said


async def test_what_is_missing_malformed_or_misspelt_is_named_with_the_closest(wallet: pytest.MonkeyPatch) -> None:
    wallet.delenv("DAIRA_WALLET_CURSOR_SECRET")
    wallet.setenv("DAIRA_WALLET_PORT", "eighty")
    wallet.setenv("DAIRA_WALLET_KAFKA_BOOTSTRP", "x")
    wallet.setenv("DAIRA_WALET_HOST", "x")
    wallet.setenv("DAIRA_CACHE", "/tmp")

    said = await say("config", "--service", "wallet", "--json")

    assert said.code == Exit.FOUND
    problems = {one["variable"]: one["problem"] for one in said.json["settings"] if one.get("problem")}
    assert problems.keys() == {"DAIRA_WALLET_CURSOR_SECRET", "DAIRA_WALLET_PORT"}
    assert problems["DAIRA_WALLET_CURSOR_SECRET"] == "missing"
    strangers = {one["variable"]: one["closest"] for one in said.json["unknown"]}
    assert strangers["DAIRA_WALLET_KAFKA_BOOTSTRP"] == "DAIRA_WALLET_KAFKA_BOOTSTRAP"
    assert strangers["DAIRA_WALET_HOST"] == "DAIRA_WALLET_HOST"
    assert "DAIRA_CACHE" not in strangers


async def test_a_mounted_secret_that_is_not_there_is_named(wallet: pytest.MonkeyPatch) -> None:
    wallet.delenv("DAIRA_WALLET_CURSOR_SECRET")
    wallet.setenv("DAIRA_WALLET_CURSOR_SECRET_FILE", "/no/such/file")

    found = await explained()

    assert found["DAIRA_WALLET_CURSOR_SECRET"]["problem"] == "file /no/such/file is not there"


async def test_a_local_stack_fills_in_what_the_environment_leaves_out(wallet: pytest.MonkeyPatch) -> None:
    wallet.delenv("DAIRA_WALLET_KAFKA_BOOTSTRAP")

    found = await explained("--stack", 8080)

    assert found["DAIRA_WALLET_KAFKA_BOOTSTRAP"]["source"] == "stack"
    assert found["DAIRA_WALLET_POSTGRES_DSN"]["source"] == "environment"
    assert (await say("config", "--stack", 8080)).code == Exit.OK


@pytest.mark.parametrize("name", names())
def test_the_ports_of_a_local_stack_are_those_of_the_table(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAIRA_STACK", raising=False)
    wanted, settings = endpoints(8080), Where(stack=8080).settings(find(name))

    assert settings.postgres_dsn == wanted.postgres_dsn(f"daira_{name}")
    assert settings.kafka_bootstrap == wanted.kafka_bootstrap
    assert f"http://{settings.host}:{settings.port}" == wanted.service_url(name)
    for field in ("redis_url", "cql_hosts", "cql_port", "s3_endpoint", "s3_access_key", "s3_secret_key", "s3_bucket"):
        assert getattr(settings, field, None) in (None, getattr(wanted, field))


def test_the_services_are_those_of_the_table_in_its_order() -> None:
    assert list(IN_ORDER_OF_PORTS) == list(table.load().service.names)
