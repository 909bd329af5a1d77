"""compose/ says the same as native.toml. No container is started here."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from daira_devtools.root import checkout_root
from daira_devtools.stack import compose_file, downloads, place, service_env, table
from daira_devtools.stack.containers import Containers
from daira_devtools.stack.errors import MissingTool, StackError
from daira_devtools.stack.scope import Scope

ROWS = table.load()
BASE = 23000
VARIABLE = re.compile(r"\$\{([A-Z0-9_]+):(?:-([^}]*)|\?)\}")
RECORDING_DOCKER = '#!/bin/sh\necho "$@" >>"$RECORD"\n'


def read(name: str) -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load((checkout_root() / "compose" / name).read_text())["services"]
    return services


def published(service: dict[str, Any]) -> dict[str, int]:
    """Variable → default host port."""
    found = [VARIABLE.match(text.removeprefix("127.0.0.1:")) for text in service["ports"]]
    return {match.group(1): int(match.group(2)) for match in found if match}


@pytest.fixture
def folder(tmp_path: Path) -> place.StackFolder:
    return place.StackFolder("t", tmp_path)


def test_the_stores_have_the_names_of_the_native_ones() -> None:
    assert set(read("stores.yaml")) == set(ROWS.select(["stores"]))


@pytest.mark.parametrize("store", ROWS.select(["stores"]))
def test_a_store_is_published_on_its_native_ports_of_this_machine_only(store: str) -> None:
    service = read("stores.yaml")[store]

    assert all(text.startswith("127.0.0.1:") for text in service["ports"])
    assert published(service) == {
        compose_file.variable(f"port.{store}.{port}"): 8080 + offset
        for port, offset in ROWS.process[store].ports.items()
    }


def test_images_have_the_versions_of_the_native_programs() -> None:
    tags = {name: service["image"].rpartition(":")[2] for name, service in read("stores.yaml").items()}

    for name, program in (("kafka", "kafka"), ("cassandra", "cassandra"), ("s3", "versitygw")):
        assert tags[name] == ROWS.download[program].version
    for name in ("postgres", "valkey"):
        binary = downloads.wheel_binary(ROWS.download[name])
        answer = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
        assert re.search(rf"[ =]{tags[name]}\.", answer)


def test_the_object_store_has_the_native_credentials() -> None:
    assert read("stores.yaml")["s3"]["environment"] == dict(ROWS.process["s3"].env)


def test_the_broker_has_the_native_switches() -> None:
    native = dict(
        line.split("=", 1)
        for line in (checkout_root() / "compose/native/kafka.properties").read_text().splitlines()
        if "=" in line and not line.startswith("#")
    )
    contained = read("stores.yaml")["kafka"]["environment"]

    for name in ("auto.create.topics.enable", "group.initial.rebalance.delay.ms", "offsets.topic.num.partitions"):
        assert contained["KAFKA_" + name.upper().replace(".", "_")] == native[name]


def test_the_committed_services_are_those_of_the_table() -> None:
    assert (checkout_root() / compose_file.PATH).read_text() == compose_file.render(ROWS)


def test_an_image_of_the_development_profile_has_the_providers_that_call_nobody() -> None:
    arguments = {name: service["build"]["args"] for name, service in read("services.yaml").items()}

    assert arguments["auth"] == {"SERVICE": "auth", "EXTRAS": "[sandbox]"}
    assert arguments["feed"] == {"SERVICE": "feed"}
    assert "$SERVICE$EXTRAS" in (checkout_root() / "compose/Dockerfile").read_text()


def test_what_the_image_copies_exists_and_is_sent_to_the_builder() -> None:
    folder = checkout_root() / "compose"
    sent = [line[1:] for line in (folder / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"]
    lines = [line.split()[1:-1] for line in (folder / "Dockerfile").read_text().splitlines() if line[:5] == "COPY "]

    copied = [source for sources in lines for source in sources]
    assert sorted(copied) == sorted(sent)
    assert [source for source in copied if not (checkout_root() / source).exists()] == []


@pytest.mark.parametrize("service", ROWS.service.names)
def test_a_service_has_the_same_environment_in_a_container_as_natively(service: str, folder: place.StackFolder) -> None:
    lines = Path(Containers(ROWS, folder, BASE).write_environment()).read_text().splitlines()
    variables = dict(line.split("=", 1) for line in lines)

    contained = {
        key: VARIABLE.sub(lambda found: variables[found.group(1)], text)
        for key, text in read("services.yaml")[service]["environment"].items()
    }

    assert contained == service_env.environment(service, ROWS.service, Scope(ROWS, folder, BASE))


async def test_docker_is_asked_for_the_stores_of_this_stack(
    folder: place.StackFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker = tmp_path / "docker"
    docker.write_text(RECORDING_DOCKER)
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("RECORD", str(tmp_path / "asked"))

    await Containers(ROWS, folder, BASE).up()

    asked = (tmp_path / "asked").read_text().split()
    assert asked == ["compose", "-f", "stores.yaml", "--env-file", str(folder.path / "compose.env"), "up", "--wait"]
    assert "COMPOSE_PROJECT_NAME=daira-t" in (folder.path / "compose.env").read_text()


async def test_a_machine_without_docker_is_told_so(
    folder: place.StackFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(MissingTool, match="docker"):
        await Containers(ROWS, folder, BASE).up()


def test_an_unknown_kind_of_stack_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAIRA_STACK", "podman")

    with pytest.raises(StackError, match="native, containers, external"):
        place.mode()
