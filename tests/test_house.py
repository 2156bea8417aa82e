"""Protects the house: sizes, names, the one place that knows the mode, exact money, no dead file.

Every rule of `tests/house/rules.py` is held over the whole repository, with one list of exceptions
that may only shrink, and is shown a bad example here to prove that it has teeth.
"""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.house import modules, rules
from tests.house.rules import Finding, Source

REPO = Path(__file__).resolve().parent.parent

_LOADS_TA_LIB = "loads the C library from its file, once, without the pandas it would bring along"

#: finding -> why it is right here. An entry that nothing needs any more fails the test.
EXCEPTIONS: dict[str, str] = {
    "name tests/conftest.py:shared_data": "the folder is called so, and not ours to name",
    "except src/bowline/core/signals/strategy.py": "a plugin may raise anything",
    "except src/bowline/cli/__init__.py": "the outermost handler: a bug, without its secrets",
    "except src/bowline/research/jobs/worker.py": "one bad job must not take the worker along",
    "name src/bowline/storage/schema.py:load_dialect_impl": "SQLAlchemy calls it by that name",
    "float src/bowline/core/model/values.py": "the two doors between Decimal and float",
    "pure src/bowline/core/signals/ta_lib.py:importlib": _LOADS_TA_LIB,
    "pure src/bowline/core/signals/ta_lib.py:pathlib": _LOADS_TA_LIB,
    "pure src/bowline/core/signals/ta_lib.py:sys": _LOADS_TA_LIB,
    "pure src/bowline/core/signals/ta_lib.py:threading": _LOADS_TA_LIB,
    "float src/bowline/core/model/market.py": "candle columns are float64 arrays",
}
#: class names that mean more than one thing: the list only gets shorter
_TWO_MEANINGS = """
RunState
"""
EXCEPTIONS |= {
    f"meaning {name}": "one of them needs another name" for name in _TWO_MEANINGS.split()
}

#: modules that nothing imports, and what starts them
ENTRIES = {
    "bowline.cli": "the `bowline` command",
    "bowline.storage.migrations.*": "Alembic runs what lies in that folder",
}

#: the files that a newcomer reads to have the whole picture
PICTURE = {
    "src/bowline/core/engine/decide.py",
    "src/bowline/core/engine/plans/carry.py",
    "src/bowline/core/engine/state.py",
    "src/bowline/core/engine/step.py",
    "src/bowline/core/model/account.py",
    "src/bowline/core/model/command.py",
    "src/bowline/core/model/event.py",
    "src/bowline/core/model/intent.py",
    "src/bowline/core/model/order.py",
    "src/bowline/core/model/plan.py",
    "src/bowline/core/model/position.py",
    "src/bowline/core/sim/driver.py",
    "src/bowline/runtime/loop.py",
    "src/bowline/wire.py",
}

TEXT_SUFFIXES = {
    ".py",
    ".md",
    ".toml",
    ".yaml",
    ".yml",
    ".txt",
    ".sh",
    ".html",
    ".js",
    ".css",
    ".c",
}
TEXT_NAMES = {"Makefile", ".importlinter", "run", ".gitignore"}


def tracked() -> list[Path]:
    """Files of the repository: what git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPO, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return [path for line in listed.stdout.splitlines() if (path := REPO / line).is_file()]


@pytest.fixture(scope="module")
def texts() -> list[Source]:
    files = [p for p in tracked() if p.suffix in TEXT_SUFFIXES or p.name in TEXT_NAMES]
    return [Source(p.relative_to(REPO).as_posix(), p.read_text("utf-8")) for p in files]


@pytest.fixture(scope="module")
def findings(texts: list[Source]) -> list[Finding]:
    python = [source for source in texts if source.path.endswith(".py")]
    found = [finding for source in texts for finding in rules.check(source)]
    found += [finding for source in python for finding in modules.libraries(source)]
    found += [finding for source in python for finding in modules.positional(source)]
    found += modules.circles(python)
    found += modules.meanings(python)
    found += rules.unreached(python, set(ENTRIES))
    found += rules.unfaced({source.path for source in python})
    return sorted(found)


def test_nothing_breaks_a_house_rule(findings: list[Finding]) -> None:
    broken = [f for f in findings if f.key not in EXCEPTIONS]
    assert not broken, "\n" + "\n".join(f"{f.key}: {f.message}" for f in broken)


def test_no_exception_is_stale(findings: list[Finding]) -> None:
    stale = EXCEPTIONS.keys() - {f.key for f in findings}
    assert not stale, f"no longer needed, take them off the list: {sorted(stale)}"


def test_the_rules_see_the_whole_house(texts: list[Source]) -> None:
    """A rule over no file would pass for ever."""
    paths = {source.path for source in texts}
    assert {"src/bowline/wire.py", "tests/test_house.py", "Makefile", ".ci/run"} <= paths


def test_the_whole_picture_is_a_short_read(texts: list[Source]) -> None:
    """What ARCHITECTURE.md sends a newcomer to stays a read of 2,400 lines."""
    lines = {s.path: s.text.count("\n") for s in texts if s.path in PICTURE}
    assert lines.keys() == PICTURE
    assert sum(lines.values()) <= 2_400, lines


def test_code_is_what_is_neither_blank_nor_comment_nor_docstring_nor_import() -> None:
    text = '"""Doc,\n\ntwo."""\n\nfrom a import (\n    b,\n)\n\n# why\nX = (\n    1,  # one\n)\n'
    text += '\ndef f():\n    """Doc."""\n    s = """a\nb"""\n'
    assert rules.code_lines(Source(SRC, text)) == 6


def test_both_sets_of_pins_agree() -> None:
    """What is tested is what is run: every pin of the others is the pin of dev.txt.

    judge.txt apart: freqtrade lives in an environment of its own, with what it pins itself.
    """
    dev = _pins("dev.txt")
    assert dev
    others = sorted(path.name for path in (REPO / "requirements").glob("*.txt"))
    for name in (each for each in others if each not in {"dev.txt", "judge.txt"}):
        pins = _pins(name)
        assert pins
        assert pins.items() <= dev.items()


def test_every_direct_dependency_is_pinned() -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    # `make live` adds the extra `fast` as well
    of = {"run": project["dependencies"]} | project["optional-dependencies"]
    of["live"] = [*of["live"], *of.pop("fast")]
    for target, wanted in of.items():
        pins = {_bare_name(pin) for pin in _pins(f"{target}.txt")}
        assert {_bare_name(line) for line in wanted} <= pins, target


def _pins(name: str) -> dict[str, str]:
    lines = (REPO / "requirements" / name).read_text().splitlines()
    pins = [line.partition(" \\")[0].partition(" ;")[0] for line in lines if "==" in line]
    return dict(pin.strip().split("==", 1) for pin in pins)


def _bare_name(requirement: str) -> str:
    name = requirement
    for mark in "[<>=!~; ":
        name = name.partition(mark)[0]
    return name.lower().replace("_", "-")


SRC = "src/bowline/desk/example.py"
LONG_BODY = "    x = 1\n" * 60
TEETH: list[tuple[str, str, str]] = [
    ("size", SRC, '"""Doc."""\n' + "x = 1\n" * 500),
    ("size", "tests/test_example.py", '"""Doc."""\ndef f():\n' + LONG_BODY),
    ("size", SRC, "class C:\n" + "".join(f"    def m{n}(self): ...\n" for n in range(20))),
    ("name", SRC, "class OrderManager: ..."),
    ("name", SRC, "class HTTPService: ..."),
    ("name", SRC, "def load_data(): ..."),
    ("name", "src/bowline/desk/order_utils.py", ""),
    ("name", SRC, "async def fetch_klines(): ..."),
    ("mode", SRC, "def f(is_live): ..."),
    ("mode", SRC, "x = settings.dry_run"),
    ("mode", SRC, "start(paper_mode=True)"),
    ("mode", SRC, "if live:\n    send()"),
    ("mode", SRC, "x = 1 if self.venue.simulated else 2"),
    ("mode", SRC, "ok = mode == 'paper'"),
    ("except", SRC, "try:\n    f()\nexcept Exception:\n    g()"),
    ("except", SRC, "try:\n    f()\nexcept (ValueError, BaseException) as e:\n    g()"),
    ("except", SRC, "try:\n    f()\nexcept:\n    g()"),
    ("except", SRC, "with contextlib.suppress(Exception):\n    f()"),
    ("float", "src/bowline/core/engine/risk.py", "x = 0.5"),
    ("float", "src/bowline/core/model/order.py", "def f(x: float): ..."),
    ("float", "src/bowline/core/model/order.py", "x = np.float64(price)"),
    ("approved", SRC, "verdict = Approved(intent)"),
    ("approved", "src/bowline/core/engine/step.py", "x = intent.Approved(i)"),
    ("pure", "src/bowline/core/sim/venue.py", "import time"),
    ("pure", "src/bowline/core/report/html.py", "def f():\n    from pathlib import Path"),
    ("pure", "src/bowline/core/signals/rules.py", "import yaml"),
    ("pure", "src/bowline/core/engine/step.py", "now = datetime.now(UTC)"),
    ("pure", "src/bowline/core/engine/step.py", "text = open(name).read()"),
    ("pure", "src/bowline/core/sim/venue.py", "x = np.random.default_rng(1)"),
    ("docstring", "bench/example.py", "x = 1"),
    ("concrete", SRC, "from bowline.storage.embedded.journal import open_journal"),
    ("concrete", "src/bowline/cli/run.py", "def f():\n    from bowline.storage import servers"),
    ("concrete", "src/bowline/desk/books.py", "from bowline.venues.bybit import BybitFeedCodec"),
    ("concrete", SRC, "from bowline.venues import okx"),
    ("concrete", SRC, "from bowline.venues.rest import RestVenue"),
    ("unfinished", SRC, "x = 1  # TO" + "DO: later"),
    ("unfinished", "docs/howto/x.md", "FI" + "XME"),
    ("portable", SRC, "HOME = '/ho" + "me/someone/x'"),
    ("portable", "requirements/run.txt", "--ind" + "ex-url https://example.org"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "path", "text"), TEETH)
def test_each_rule_has_teeth(rule: str, path: str, text: str) -> None:
    assert rule in {finding.rule for finding in rules.check(Source(path, text))}


GOOD = '''"""What it is."""
from decimal import Decimal

from bowline.venues import PublicVenue
from bowline.venues.stream import FeedSink


class PaperVenue:
    """Good: a noun, and no question."""

    def fill(self, price: Decimal) -> Decimal:
        try:
            return price * Decimal("1.5")
        except ArithmeticError:
            return Decimal(0)


def verdict_of(given: object) -> bool:
    match given:
        case Approved():
            return True
    return kind == "linear"
'''


@pytest.mark.parametrize("path", [SRC, "src/bowline/core/engine/x.py", "tests/test_x.py"])
def test_good_code_passes_every_rule(path: str) -> None:
    assert not list(rules.check(Source(path, GOOD)))


def test_a_dead_file_is_found_and_a_used_one_is_not() -> None:
    sources = [
        Source("src/bowline/__init__.py", ""),
        Source("src/bowline/cli/__init__.py", "def f():\n    from bowline.desk import trading"),
        Source("src/bowline/desk/__init__.py", ""),
        Source("src/bowline/desk/trading.py", ""),
        Source("src/bowline/desk/forgotten.py", "from bowline.desk import trading"),
    ]
    dead = [f.place for f in rules.unreached(sources, {"bowline.cli"})]
    assert dead == ["src/bowline/desk/forgotten.py"]


def test_a_circle_is_found_however_long_and_a_package_above_its_modules_is_none() -> None:
    sources = [
        Source("src/bowline/a/__init__.py", "from bowline.a.b import B"),
        Source("src/bowline/a/b.py", "def f():\n    from bowline import c"),
        Source("src/bowline/c.py", "if TYPE_CHECKING:\n    from bowline.d import D"),
        Source("src/bowline/d.py", "from bowline.a import b"),
        Source("src/bowline/__init__.py", ""),
    ]
    (found,) = modules.circles(sources)
    assert found.place == "bowline.a.b bowline.c bowline.d"
    assert not list(modules.circles(sources[:3]))


@pytest.mark.parametrize(
    ("path", "text", "broken"),
    [
        ("src/bowline/desk/x.py", "import ccxt.async_support", True),
        ("src/bowline/desk/x.py", "def f():\n    import_module('ccxt.async_support')", True),
        ("src/bowline/venues/rest/client.py", "x = importlib.import_module('ccxt')", False),
        ("src/bowline/core/x.py", "from duckdb import connect", True),
        ("src/bowline/core/x.py", "import numpy as np\nimport json", False),
        ("src/bowline/core/x.py", "import pandas", True),
        ("bench/x.py", "import pandas", False),
    ],
)
def test_a_library_is_kept_to_its_rooms(path: str, text: str, *, broken: bool) -> None:
    assert [f.rule for f in modules.libraries(Source(path, text))] == ["library"] * broken


@pytest.mark.parametrize(
    ("path", "head", "fields", "broken"),
    [
        (SRC, "class A(Struct, frozen=True)", 7, True),
        (SRC, "class A(msgspec.Struct)", 7, True),
        (SRC, "class A(NamedTuple)", 7, True),
        (SRC, "class A(Struct, kw_only=True)", 7, False),
        (SRC, "class A(Struct)", 6, False),
        (SRC, "class A(Protocol)", 7, False),
        ("src/bowline/core/x.py", "class A(Struct)", 7, False),
    ],
)
def test_a_record_of_seven_fields_takes_keywords(
    path: str, head: str, fields: int, *, broken: bool
) -> None:
    text = f"{head}:\n" + "".join(f"    f{n}: int\n" for n in range(fields))
    found = [f.rule for f in modules.positional(Source(path, text))]
    assert found == ["positional"] * broken


def test_a_class_name_with_two_meanings_is_found() -> None:
    one, other = Source("src/bowline/a.py", "class A: ...\nclass _B: ..."), "class A: ..."
    two = Source("src/bowline/b.py", other + "\nclass _B: ...")
    assert [f.place for f in modules.meanings([one, two])] == ["A"]
    assert not list(modules.meanings([one, Source("tests/b.py", other)]))


def test_a_package_without_its_face_is_found() -> None:
    paths = {"src/bowline/__init__.py", "src/bowline/desk/trading.py"}
    assert [f.place for f in rules.unfaced(paths)] == ["src/bowline/desk"]
