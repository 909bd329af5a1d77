"""Each rule of the house, with what it refuses and what it lets pass."""

from pathlib import PurePosixPath

import pytest

from daira_devtools.lint.engine import check_file
from daira_devtools.lint.rules import ALL
from daira_devtools.lint.source import SourceFile

SERVICE = "services/feed/src/daira_feed/service.py"
ROUTES = "services/feed/src/daira_feed/routes.py"


def codes(path: str, text: str) -> list[str]:
    return [finding.code for finding in check_file(SourceFile(PurePosixPath(path), text), ALL)]


REFUSED = {
    "environ": [
        (SERVICE, "import os\nhome = os.environ['HOME']\n"),
        (SERVICE, "import os\nx = os.getenv('A')\n"),
        ("libs/web/src/daira_web/app.py", "from os import environ\n"),
    ],
    "clock": [
        (SERVICE, "from datetime import UTC, datetime\ndef f():\n    return datetime.now(UTC)\n"),
        (SERVICE, "import time\ndef f():\n    return time.time()\n"),
        ("libs/bus/src/daira_bus/loop.py", "from time import time_ns\n"),
    ],
    "sql": [
        (SERVICE, 'READ = "SELECT id FROM post WHERE id = %s"\n'),
        (SERVICE, 'def f(t):\n    return f"INSERT INTO {t} (id) VALUES (1)"\n'),
        ("services/feed/src/daira_feed/jobs.py", 'X = """\n  WITH due AS (SELECT 1 FROM jobs) DELETE FROM due"""\n'),
        (ROUTES, 'X = "UPDATE post SET text = %s"\n'),
    ],
    "broad-except": [
        (SERVICE, "try:\n    f()\nexcept Exception:\n    pass\n"),
        (SERVICE, "try:\n    f()\nexcept:\n    pass\n"),
        (SERVICE, "try:\n    f()\nexcept (ValueError, BaseException) as e:\n    log(e)\n"),
    ],
    "import-work": [
        (SERVICE, "import whatever\nclient = whatever.Redis()\n"),
        (SERVICE, "pool = AsyncConnectionPool('dsn')\n"),
        (SERVICE, "words = open('words.txt').read()\n"),
        (SERVICE, "class A:\n    lock = asyncio.Lock()\n"),
        (SERVICE, "def f(pool=AsyncConnectionPool('dsn')):\n    pass\n"),
    ],
    "route": [
        (ROUTES, "from litestar import get\n@get('/v1/x', guards=[user])\nasync def x() -> None: ...\n"),
        (ROUTES, "from litestar import get\n@get('/v1/x', operation_id='ReadX')\nasync def x() -> None: ...\n"),
    ],
    "size": [
        (SERVICE, "x = 1\n" * 401),
        ("services/feed/tests/test_service.py", "x = 1\n" * 601),
        (SERVICE, "def f():\n" + "    x = 1\n" * 60),
    ],
    "future-annotations": [
        (ROUTES, "from __future__ import annotations\n"),
        ("contracts/src/daira_contracts/feed.py", "from __future__ import annotations\n"),
    ],
    "contrib": [
        (ROUTES, "from litestar.contrib.jwt import JWTAuth\n"),
        (ROUTES, "import litestar.contrib.prometheus\n"),
    ],
    "machine-path": [
        ("docs/a.md", "see /" + "work/main/x\n"),
        ("libs/devtools/a.toml", 'cache = "/' + 'root/.cache/x"\n'),
        (".ci/run", "pip install --" + "index-url https:/" + "/example.org x\n"),
    ],
    "unfinished": [
        (SERVICE, "x = 1  # TO" + "DO later\n"),
        (SERVICE, "def f() -> None:\n    raise NotImplemented" + "Error\n"),
    ],
    "room-imports": [
        ("services/feed/src/daira_feed/domain.py", "import psycopg\n"),
        ("services/feed/src/daira_feed/domain/posts.py", "async def f() -> None: ...\n"),
        (ROUTES, "from daira_stores.work import Work\n"),
        (SERVICE, "from litestar import Request\n"),
        ("services/feed/src/daira_feed/schemas.py", "from daira_contracts.feed import PostState\n"),
    ],
    "rooms": [
        ("services/feed/src/daira_feed/utils.py", "x = 1\n"),
        ("services/feed/src/daira_feed/helpers/text.py", "x = 1\n"),
    ],
}

ALLOWED = [
    ("libs/kit/src/daira_kit/settings.py", "import os\nx = os.environ\n"),
    ("libs/kit/src/daira_kit/clock.py", "from datetime import UTC, datetime\ndef f():\n    return datetime.now(UTC)\n"),
    (SERVICE, "import time\ndef f():\n    return time.monotonic()\n"),
    ("services/feed/src/daira_feed/repository.py", 'READ = "SELECT id FROM post"\n'),
    ("services/feed/src/daira_feed/repository/posts.py", 'READ = "SELECT id FROM post"\n'),
    ("services/feed/tests/test_service.py", 'READ = "SELECT id FROM post"\n'),
    ("libs/stores/src/daira_stores/work.py", 'READ = "SELECT id FROM outbox"\n'),
    (SERVICE, '"""SELECT x FROM y is what the repository does."""\n'),
    (SERVICE, 'HELP = "Select one from the list"\n'),
    ("libs/bus/src/daira_bus/loop.py", "try:\n    f()\nexcept Exception:\n    pass\n"),
    (SERVICE, "try:\n    f()\nexcept BaseException:\n    undo()\n    raise\n"),
    (SERVICE, "import re\nX = re.compile('a')\nY = frozenset({1})\nZ = Limits(a=1)\n"),
    (SERVICE, "def f():\n    return open('x')\n"),
    ("services/feed/src/daira_feed/__main__.py", "run(SERVICE)\n"),
    ("services/feed/src/daira_feed/wiring.py", "SERVICE = Service('feed', Settings, build)\n"),
    (ROUTES, "from litestar import get\n@get('/x', operation_id='A', guards=[u])\nasync def x() -> None: ...\n"),
    (ROUTES, "from litestar import get\n@get('/x', operation_id='A', opt=PUBLIC)\nasync def x() -> None: ...\n"),
    (
        ROUTES,
        "from litestar import Router, get\n@get('/x', operation_id='A')\nasync def x() -> None: ...\n"
        "def router() -> Router:\n    return Router(path='/v1', guards=[u], route_handlers=[x])\n",
    ),
    (ROUTES, "from daira_stores.idempotency import IdempotencyKey\n"),
    (
        ROUTES,
        "from litestar import Controller, get\nclass C(Controller):\n    guards = [u]\n"
        "    @get('/x', operation_id='A')\n    async def x(self) -> None: ...\n",
    ),
    (SERVICE, "from daira_stores.work import Work\nfrom daira_contracts.feed import PostChangedV1\n"),
    ("services/feed/src/daira_feed/domain.py", "from daira_kit.ids import new_id\nimport math\n"),
    (SERVICE, "x = 1\n" * 400),
    (SERVICE, "def f():\n" + "    x = 1\n" * 59),
    ("services/feed/src/daira_feed/service/circle.py", "x = 1\n"),
    ("docs/a.md", "the folder /workspace and the /root of a tree, ~/.cache/daira\n"),
]


@pytest.mark.parametrize(
    ("code", "path", "text"), [(code, path, text) for code, cases in REFUSED.items() for path, text in cases]
)
def test_what_a_rule_forbids_is_found_with_its_code(code: str, path: str, text: str) -> None:
    assert codes(path, text) == [code]


@pytest.mark.parametrize(("path", "text"), ALLOWED)
def test_what_no_rule_forbids_passes(path: str, text: str) -> None:
    assert codes(path, text) == []


def test_every_rule_is_shown_to_refuse_something() -> None:
    assert {rule.code for rule in ALL} == set(REFUSED)


def test_a_comment_with_a_reason_excuses_its_line_and_the_line_below() -> None:
    here = "import os\nx = os.environ  # house-skip: environ the child gets a clean copy\n"
    above = "import os\n# house-skip: environ the child gets a clean copy\nx = os.environ\n"

    assert codes(SERVICE, here) == []
    assert codes(SERVICE, above) == []


def test_a_comment_without_a_reason_is_itself_a_finding() -> None:
    assert codes(SERVICE, "import os\nx = os.environ  # house-skip: environ\n") == ["skip"]


def test_a_comment_that_excuses_nothing_is_a_finding() -> None:
    assert codes(SERVICE, "x = 1  # house-skip: environ no longer true\n") == ["skip"]


def test_a_comment_excuses_only_the_rule_it_names() -> None:
    text = "import os\nx = os.environ  # house-skip: clock wrong code\n"

    assert codes(SERVICE, text) == ["environ", "skip"]


def test_a_file_that_does_not_parse_is_one_finding() -> None:
    assert codes(SERVICE, "def f(:\n") == ["syntax"]
