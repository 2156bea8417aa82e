"""`make mutants`: small faults, one at a time, in the rooms that decide about money.

1. Every place in those rooms where one operator, constant or statement can be another is listed: a
   comparison, a sum, `and`, a number, `min`, a statement that can be left out.
2. A sample is drawn, the same for the same SEED, and spread over the rooms by their size.
3. The repository is copied, and the tests of each room must pass there as it is.
4. Each fault is put into the copy and the tests of its room are run until one fails. A fault that
   none notices survived; one under which they never end was noticed.

Survivors are listed with their line. It ends with 1 if fewer than 95 of 100 were caught. Not every
survivor is a gap: some faults change nothing that can be seen. The repository itself is left alone.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
SRC = "src/bowline/"
#: what is mutated -> the tests that hold it, the quick ones first
ROOMS: dict[str, tuple[str, ...]] = {
    "core/engine": (
        "tests/core/engine",
        "tests/core/model",
        "tests/scenarios/test_close_fills_stay.py",
        "tests/research/test_portfolio.py",
    ),
    "core/model": (
        "tests/core/model",
        "tests/core/engine",
        "tests/core/sim",
        "tests/storage/test_tables.py",
        "tests/storage/test_jobs.py",
    ),
    "core/sim": ("tests/core/sim", "tests/core/engine"),
    "core/report": ("tests/core/report", "tests/scenarios/test_close_fills_stay.py"),
    "research/grid": ("tests/research/grid", "tests/cli/test_grid.py"),
    "venues/rest": (
        "tests/venues/rest",
        "tests/venues/test_rate_limits.py",
        "tests/venues/test_bans.py",
    ),
    "runtime/ingest": ("tests/runtime/ingest",),
}
WANTED = 0.95
_COPIED = ("src", "tests", "examples", "docs", "bench", "requirements")
_OTHER = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
    ast.Is: "is not", ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
    ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.FloorDiv: "/", ast.Mod: "*",
    ast.And: "or", ast.Or: "and",
}  # fmt: skip
_SPELLED = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
    ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
    ast.And: "and", ast.Or: "or",
}  # fmt: skip
_CALLED = {"min": "max", "max": "min", "all": "any", "any": "all"}


@dataclass(frozen=True)
class Mutant:
    """Characters `start` to `end` of the file become `text`."""

    path: str
    line: int
    start: int
    end: int
    was: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.was!r} becomes {self.text!r}"


class Places:
    """The places of one file where a small fault can be put."""

    def __init__(self, path: str, text: str) -> None:
        self.path, self.text = path, text
        self._lines = [0]
        for line in text.encode().split(b"\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)
        self.bytes = text.encode()

    def all(self) -> Iterator[Mutant]:
        yield from self._walk(ast.parse(self.text))

    def _walk(self, node: ast.AST) -> Iterator[Mutant]:
        yield from self._operators(node)
        yield from self._values(node)
        for name, value in ast.iter_fields(node):
            # what is said, promised to a type checker or imported decides nothing
            if isinstance(node, ast.ClassDef) and name == "keywords":
                continue
            if name in {"annotation", "returns", "decorator_list", "msg", "type_params"}:
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not isinstance(
                    child, ast.Import | ast.ImportFrom | ast.Raise | ast.JoinedStr
                ):
                    yield from self._walk(child)

    def _operators(self, node: ast.AST) -> Iterator[Mutant]:
        match node:
            case ast.Compare(left=left, ops=ops, comparators=rights):
                for before, kind, after in zip([left, *rights], ops, rights, strict=False):
                    yield from self._between(before, kind, after)
            case ast.BinOp(left=left, op=kind, right=right) if not _is_text(left):
                yield from self._between(left, kind, right)
            case ast.BoolOp(op=kind, values=values):
                yield from self._between(values[0], kind, values[1])
            case ast.AugAssign(target=target, op=kind, value=value):
                yield from self._between(target, kind, value)

    def _values(self, node: ast.AST) -> Iterator[Mutant]:
        match node:
            case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
                yield self._made(node, ast.unparse(operand), brackets=True)
            case ast.Constant(value=bool(value)):
                yield self._made(node, str(not value))
            case ast.Constant(value=int(value)):
                yield self._made(node, str(value + 1))
            case ast.Name(id=name) if name in _CALLED and isinstance(node.ctx, ast.Load):
                yield self._made(node, _CALLED[name])
            case ast.Expr(value=ast.Call() | ast.Await()):
                yield self._made(node, "pass")

    def _between(self, left: ast.expr, kind: ast.AST, right: ast.expr) -> Iterator[Mutant]:
        if type(kind) not in _OTHER:
            return
        start, end = self._end(left), self._start(right)
        spelled = _SPELLED[type(kind)]
        found = self.bytes[start:end].decode()
        if found.count(spelled) == 1 and "#" not in found:
            at = start + len(found.partition(spelled)[0].encode())
            other = _OTHER[type(kind)]
            yield self._mutant(at, at + len(spelled), spelled, other, left.end_lineno or 0)

    def _made(self, node: ast.expr | ast.stmt, text: str, *, brackets: bool = False) -> Mutant:
        start, end = self._start(node), self._end(node)
        was = self.bytes[start:end].decode()
        return self._mutant(start, end, was, f"({text})" if brackets else text, node.lineno)

    def _mutant(self, start: int, end: int, was: str, text: str, line: int) -> Mutant:
        return Mutant(self.path, line, start, end, was, text)

    def _start(self, node: ast.expr | ast.stmt) -> int:
        return self._lines[node.lineno - 1] + node.col_offset

    def _end(self, node: ast.expr | ast.stmt) -> int:
        return self._lines[(node.end_lineno or 1) - 1] + (node.end_col_offset or 0)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def places_in(room: str) -> list[Mutant]:
    """All places of a room, in the order of its files."""
    found: list[Mutant] = []
    for path in sorted((REPO / SRC / room).rglob("*.py")):
        name = path.relative_to(REPO).as_posix()
        found += Places(name, path.read_text("utf-8")).all()
    return found


def sample(rooms: list[str], count: int, seed: int) -> list[tuple[str, Mutant]]:
    """`count` faults of the rooms; the first ones are those of a smaller sample."""
    every = [(room, mutant) for room in rooms for mutant in places_in(room)]
    random.Random(seed).shuffle(every)
    return every[:count]


class Copy:
    """The repository in a folder of its own, where faults are put and tests are run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in _COPIED:
            shutil.copytree(
                REPO / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        for path in REPO.iterdir():
            if path.is_file():
                shutil.copy(path, folder / path.name)
        shared = REPO.parent / "shared" / "data"
        os.environ.setdefault("BOWLINE_SHARED_DATA", str(shared))

    def passes(self, tests: tuple[str, ...], limit_s: float) -> tuple[bool, str]:
        """Whether the tests pass, and what stopped them."""
        words = ("-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--tb=no")
        source = str(self.folder / "src")
        process = subprocess.Popen(
            [sys.executable, "-B", *words, *tests],
            cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
            env=os.environ | {"PYTHONPATH": source, "PYTHONHASHSEED": "0"},
        )  # fmt: skip
        try:
            said, _ = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return False, f"no end within {limit_s:.0f} s"
        lines = [line for line in said.splitlines() if line.startswith(("FAILED", "ERROR"))]
        return process.returncode == 0, (lines or said.splitlines()[-3:] or [""])[0]

    def catches(self, mutant: Mutant, tests: tuple[str, ...], limit_s: float) -> tuple[bool, str]:
        """Whether a test fails with this fault, and which."""
        path = self.folder / mutant.path
        sound = path.read_bytes()
        path.write_bytes(sound[: mutant.start] + mutant.text.encode() + sound[mutant.end :])
        try:
            passed, why = self.passes(tests, limit_s)
        finally:
            path.write_bytes(sound)
        return not passed, why


def judge(copy: Copy, drawn: list[tuple[str, Mutant]]) -> list[Mutant]:
    """Put in one fault after the other; those that no test noticed."""
    limits: dict[str, float] = {}
    for room in sorted({room for room, _ in drawn}):
        began_s = time.monotonic()
        passed, why = copy.passes(ROOMS[room], 1_800)
        if not passed:
            raise SystemExit(f"the tests of {room} do not pass without a fault: {why}")
        limits[room] = 60 + 5 * (time.monotonic() - began_s)
        print(f"{room}: its tests pass, in {time.monotonic() - began_s:.0f} s", flush=True)
    survivors: list[Mutant] = []
    for number, (room, mutant) in enumerate(drawn, 1):
        caught, why = copy.catches(mutant, ROOMS[room], limits[room])
        how = f"caught: {why}" if caught else "SURVIVED"
        print(f"[{number}/{len(drawn)}] {mutant}: {how}", flush=True)
        if not caught:
            survivors.append(mutant)
    return survivors


def main() -> int:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="rooms whose path has this in it")
    asked = parser.parse_args()
    os.nice(10)
    rooms = [room for room in ROOMS if asked.only in room]
    drawn = sample(rooms, asked.count, asked.seed)
    if not drawn:
        parser.error(f"no room has {asked.only!r} in its path, or no fault is asked for")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="bowline-mutants-") as folder:
        survivors = judge(Copy(Path(folder)), drawn)
    caught = len(drawn) - len(survivors)
    for each in survivors:
        print(f"survived: {each}")
    print(f"{caught} of {len(drawn)} caught ({caught / len(drawn):.0%}), seed {asked.seed}")
    return 0 if caught >= WANTED * len(drawn) else 1


if __name__ == "__main__":
    sys.exit(main())
