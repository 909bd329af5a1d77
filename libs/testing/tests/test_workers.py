"""How tests are shared out to processes."""

import pytest

from daira_testing.workers import scope_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tests/integration/test_trace.py::test_a", "tests/integration/test_roles.py::test_b[x/y::z]"),
        ("libs/devtools/tests/stack/test_up.py::test_a", "libs/devtools/tests/stack/test_down.py::test_a"),
        ("services/feed/tests/test_wire.py::test_a", "services/feed/tests/test_wire.py::test_b[tests/integration/c]"),
    ],
)
def test_tests_of_the_platform_and_tests_of_a_file_stay_in_one_process(one: str, other: str) -> None:
    assert scope_of(one) == scope_of(other)


def test_files_are_shared_out() -> None:
    assert scope_of("services/feed/tests/test_wire.py::test_a") != scope_of("services/feed/tests/test_text.py::test_a")
