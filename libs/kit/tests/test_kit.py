"""Ids, cursors, settings and state graphs: small words with sharp edges."""

from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daira_kit.capabilities import is_capability, new_capability
from daira_kit.clock import now
from daira_kit.cursors import CursorCodec, CursorInvalid
from daira_kit.ids import derived_id, id_time, new_id
from daira_kit.settings import CommonSettings, SettingsInvalid, load
from daira_kit.states import IllegalTransition, StateGraph

NEEDED = {
    "DAIRA_FEED_POSTGRES_DSN": "postgresql://x",
    "DAIRA_FEED_KAFKA_BOOTSTRAP": "k:1",
    "DAIRA_FEED_CURSOR_SECRET": "s",
    "DAIRA_FEED_ROOT_PUBLIC_KEY": "p",
}


def test_a_fresh_id_tells_when_it_was_made() -> None:
    made = id_time(new_id())

    assert made is not None
    assert abs(now() - made) < timedelta(seconds=5)
    assert id_time(uuid4()) is None


def test_ids_sort_by_their_time() -> None:
    ids = [new_id() for _ in range(1000)]

    assert ids == sorted(ids)


def test_the_same_parts_give_the_same_id_and_joined_parts_another() -> None:
    assert derived_id("a", "b") == derived_id("a", "b")
    assert derived_id("a", "b") != derived_id("ab")


@given(st.tuples(st.integers(0, 2**60), st.uuids()), st.text(max_size=20), st.text(max_size=20))
def test_a_cursor_comes_back_as_it_was(position: tuple[int, UUID], kind: str, reader: str) -> None:
    codec = CursorCodec("secret")

    assert codec.decode(kind, reader, codec.encode(kind, reader, position), tuple[int, UUID]) == position


@given(st.text(max_size=80))
def test_whatever_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(CursorInvalid):
        CursorCodec("secret").decode("circle", "reader", text, tuple[int, UUID])


@pytest.mark.parametrize(
    ("kind", "reader", "secret"), [("other", "me", "s"), ("circle", "you", "s"), ("circle", "me", "t")]
)
def test_a_cursor_of_another_list_reader_or_secret_is_refused(kind: str, reader: str, secret: str) -> None:
    cursor = CursorCodec("s").encode("circle", "me", (1, new_id()))

    with pytest.raises(CursorInvalid):
        CursorCodec(secret).decode(kind, reader, cursor, tuple[int, UUID])


@given(st.integers(0, 50), st.integers(1, 255))
def test_a_cursor_with_any_byte_changed_is_refused(place: int, change: int) -> None:
    from base64 import urlsafe_b64decode, urlsafe_b64encode

    codec = CursorCodec("s")
    cursor = codec.encode("circle", "me", (1, UUID(int=7)))
    raw = bytearray(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    raw[place % len(raw)] ^= change

    with pytest.raises(CursorInvalid):
        codec.decode("circle", "me", urlsafe_b64encode(bytes(raw)).decode().rstrip("="), tuple[int, UUID])


def test_every_mistake_in_the_environment_is_listed_at_once() -> None:
    wrong = {**NEEDED, "DAIRA_FEED_PORT": "many", "DAIRA_FEED_PROT": "8000"}
    del wrong["DAIRA_FEED_CURSOR_SECRET"]

    with pytest.raises(SettingsInvalid) as refused:
        load(CommonSettings, "DAIRA_FEED_", wrong)

    for part in ("DAIRA_FEED_PORT", "DAIRA_FEED_PROT: no such setting", "DAIRA_FEED_CURSOR_SECRET: missing"):
        assert part in str(refused.value)


def test_settings_are_production_unless_told_otherwise() -> None:
    assert load(CommonSettings, "DAIRA_FEED_", NEEDED).env == "prod"
    assert load(CommonSettings, "DAIRA_FEED_", {**NEEDED, "DAIRA_ENV": "dev"}).env == "dev"


def test_a_secret_can_be_a_mounted_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from a file\n")
    environ = {**NEEDED, "DAIRA_FEED_CURSOR_SECRET_FILE": str(secret)}
    del environ["DAIRA_FEED_CURSOR_SECRET"]

    assert load(CommonSettings, "DAIRA_FEED_", environ).cursor_secret == "from a file"


class Light(Enum):
    RED = "RED"
    GREEN = "GREEN"


def test_a_state_graph_refuses_steps_it_does_not_have() -> None:
    graph = StateGraph({Light.RED: {Light.GREEN}, Light.GREEN: set()})

    graph.check(Light.RED, Light.GREEN)
    assert graph.is_final(Light.GREEN)
    with pytest.raises(IllegalTransition):
        graph.check(Light.GREEN, Light.RED)


def test_a_state_graph_with_a_hole_cannot_be_declared() -> None:
    with pytest.raises(ValueError, match="no row"):
        StateGraph({Light.RED: {Light.GREEN}})


def test_the_clock_knows_its_time_zone() -> None:
    assert now().tzinfo is UTC
    assert isinstance(now(), datetime)


def test_a_capability_cannot_be_guessed_and_nothing_else_looks_like_one() -> None:
    assert new_capability() != new_capability()
    assert is_capability(new_capability())
    assert not any(is_capability(text) for text in ("", "..", "a" * 21, "a/" * 16, "\0" * 32, "a" * 31 + "é"))
