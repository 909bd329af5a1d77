import itertools
from pathlib import Path

import pytest

from daira_devtools.stack import addresses, place, service_env, table
from daira_devtools.stack.bootstrap import STEPS
from daira_devtools.stack.errors import StackError
from daira_devtools.stack.scope import Scope

ROWS = table.load()


def scope(folder: Path) -> Scope:
    return Scope(ROWS, place.StackFolder("t", folder), 20000)


def test_every_port_is_used_once() -> None:
    ports = sorted(ROWS.ports(0).values())

    assert ports == sorted(set(ports))


def test_stacks_whose_bases_are_a_hundred_apart_share_no_port() -> None:
    for one, other in itertools.combinations((8080, 8180, 8280), 2):
        assert not set(ROWS.ports(one).values()) & set(ROWS.ports(other).values())


def test_whatever_is_named_exists() -> None:
    known = {*ROWS.process, *ROWS.step}
    needs = {need for row in ROWS.process.values() for need in row.needs}
    needs |= {need for step in ROWS.step.values() for need in step.needs}

    assert needs <= known
    assert set(ROWS.service.waits.values()) <= known
    assert set(ROWS.service.own) <= set(ROWS.service.names)
    assert {name for row in ROWS.process.values() for name in row.uses} == set(ROWS.download)
    assert set(ROWS.step) == set(STEPS)


def test_every_program_has_a_pinned_version_or_comes_in_a_pinned_wheel() -> None:
    for download in ROWS.download.values():
        assert download.kind == "wheel" or download.version
        assert all(artifact.count(":") == 2 for artifact in download.artifacts)


def test_nothing_listens_beyond_this_machine() -> None:
    words = [word for row in ROWS.process.values() for word in row.command]

    assert ROWS.host == "127.0.0.1"
    assert not any("0.0.0.0" in word or "::" in word for word in words)


def test_a_misspelt_key_is_named(tmp_path: Path) -> None:
    path = tmp_path / "native.toml"
    path.write_text('host = "127.0.0.1"\n[download.x]\nkind = "wheel"\nmodul = "x"\n')

    with pytest.raises(StackError, match="modul"):
        table.load(path)


def test_an_unknown_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"\$\{port.kafca.broker\}"):
        scope(tmp_path).text("${port.kafca.broker}")


@pytest.mark.parametrize("service", ROWS.service.names)
def test_a_service_gets_every_setting_it_demands_and_none_it_does_not_know(service: str, tmp_path: Path) -> None:
    known = service_env.declared(service)

    env = service_env.environment(service, ROWS.service, scope(tmp_path))

    prefix = f"DAIRA_{service}_".upper()
    given = {key.removeprefix(prefix).lower() for key in env if key.startswith(prefix)}
    assert given <= set(known)
    assert {name for name, required in known.items() if required} <= given
    assert not any("${" in value for value in env.values())


def test_every_value_in_the_table_is_wanted_by_some_service() -> None:
    wanted = {name for service in ROWS.service.names for name in service_env.declared(service)}

    assert set(ROWS.service.settings) <= wanted
    for service, own in ROWS.service.own.items():
        assert set(own) <= set(service_env.declared(service))


def test_only_auth_gets_the_private_half_of_the_root_key(tmp_path: Path) -> None:
    secret = scope(tmp_path).text("${secret.root_private_key}")

    holders = [
        service
        for service in ROWS.service.names
        if secret in service_env.environment(service, ROWS.service, scope(tmp_path)).values()
    ]

    assert holders == ["auth"]


def test_secrets_are_made_once_and_readable_by_their_owner_only(tmp_path: Path) -> None:
    first = scope(tmp_path).text("${secret.cursor} ${secret.root_public_key}")

    assert scope(tmp_path).text("${secret.cursor} ${secret.root_public_key}") == first
    assert (tmp_path / "t" / "secrets.toml").stat().st_mode & 0o777 == 0o600


def test_the_addresses_follow_from_the_base_port() -> None:
    where = addresses.of(ROWS, 9100)

    assert where.gateway_url == "http://127.0.0.1:9100"
    assert where.postgres_dsn("daira_feed") == "postgresql://daira@127.0.0.1:9110/daira_feed"
    assert where.service_url("auth") == "http://127.0.0.1:9130"
    assert where.service_url("video") == "http://127.0.0.1:9140"


def test_an_external_stack_is_read_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "stack.toml"
    path.write_text(
        'gateway_url = "https://g.example"\npostgres_server = "postgresql://u@db.example"\nredis_url = "redis://r"\n'
        'kafka_bootstrap = "k:9092"\ncql_hosts = "c1,c2"\ncql_port = 9042\ns3_endpoint = "https://s3.example"\n'
        's3_access_key = "a"\ns3_secret_key = "b"\ns3_bucket = "media"\n'
    )
    monkeypatch.setenv("DAIRA_STACK", "external")
    monkeypatch.setenv("DAIRA_STACK_FILE", str(path))

    where = addresses.endpoints(1)

    assert where.postgres_dsn("x") == "postgresql://u@db.example/x"
    path.write_text("gateway = 1")
    with pytest.raises(StackError, match="DAIRA_STACK_FILE"):
        addresses.endpoints(1)
