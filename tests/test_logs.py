"""Protects O4, O12 and S8: one line an event, bound fields on it, and no secret in any of them."""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import pty
import subprocess
import sys
import warnings
from pathlib import Path
from urllib.parse import quote

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from bowline.logs import MASK, Redactor, configure_logs, write_crash
from tests.disks import small_disk

CANARY = "hunter2-canary-Zq8"


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().split("\n") if line]


def fail(text: str) -> None:
    try:
        {}[text]
    except KeyError as cause:
        raise ValueError(f"bad key {text}") from cause


def started(form: str = "json", level: str = "info", secrets: tuple[str, ...] = ()) -> io.StringIO:
    stream = io.StringIO()
    configure_logs(level, form, secrets, stream=stream)
    return stream


def test_a_line_has_its_time_level_event_and_every_bound_field() -> None:
    stream = started()
    with structlog.contextvars.bound_contextvars(correlation_id="c-1", run=7):
        structlog.get_logger("bowline.x").info("order placed", seq=3)
    (line,) = lines(stream)
    assert str(line.pop("time")).endswith("Z")
    assert line == {
        "level": "info", "event": "order placed", "correlation_id": "c-1", "run": 7, "seq": 3,
        "logger": "bowline.x",
    }  # fmt: skip


def test_a_line_of_a_room_has_its_fields_and_what_is_bound_around_it() -> None:
    stream = started(secrets=(CANARY,))
    with structlog.contextvars.bound_contextvars(correlation_id="c-1"):
        fields = {"run": 7, "seq": 3, "api_key": "zz-1", "note": CANARY}
        logging.getLogger("bowline.runtime").info("run begun", extra=fields)
    (line,) = lines(stream)
    del line["time"]
    assert line == {
        "level": "info", "event": "run begun", "correlation_id": "c-1", "run": 7, "seq": 3,
        "api_key": MASK, "note": MASK, "logger": "bowline.runtime",
    }  # fmt: skip


def test_only_what_is_at_the_level_or_above_is_written() -> None:
    stream = started(level="warning")
    log = structlog.get_logger("bowline.x")
    for level in ("debug", "info", "warning", "error"):
        log.log(logging.getLevelName(level.upper()), level)
        logging.getLogger("other.library").log(logging.getLevelName(level.upper()), level)
    assert [line["event"] for line in lines(stream)] == ["warning"] * 2 + ["error"] * 2


def test_other_libraries_are_a_level_quieter() -> None:
    for level, expected in (("info", ["warning"]), ("debug", ["info", "warning"])):
        stream = started(level=level)
        for each in ("debug", "info", "warning"):
            logging.getLogger("other.library").log(logging.getLevelName(each.upper()), each)
        assert [line["event"] for line in lines(stream)] == expected


def test_other_libraries_and_warnings_come_out_the_same_way() -> None:
    stream = started(secrets=(CANARY,))
    logging.getLogger("driver").error("cannot reach %s", f"db://u:{CANARY}@host")
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.warn("old way", stacklevel=1)
    first, second = lines(stream)
    assert (first["logger"], first["event"]) == ("driver", f"cannot reach db://u:{MASK}@host")
    assert "old way" in str(second["event"])


def test_configuring_twice_does_not_double_the_lines() -> None:
    started()
    stream = started()
    structlog.get_logger("bowline.x").info("once")
    assert len(lines(stream)) == 1


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_planted_secret_comes_out(form: str) -> None:
    """Values, nested values, messages, objects, causes of exceptions: none shows a canary."""
    stream = started(form, secrets=(CANARY, "other-one"))
    log = structlog.get_logger("bowline.x")

    class Client:
        def __repr__(self) -> str:
            return f"Client(key={CANARY})"

    log.info(CANARY, value=f"a {CANARY} b", deep={"x": [{"y": CANARY}]}, client=Client())
    log.info("travelling", url=quote(CANARY, safe=""), raw=CANARY.encode())
    log.info("encoded", b64=base64.b64encode(CANARY.encode()).decode(), hex=CANARY.encode().hex())
    try:
        fail(CANARY)
    except ValueError:
        log.exception("failed")
    log.info("named", api_key="zz-1", nested={"Password": "zz-2", "list": [{"bot_token": "zz-3"}]})
    log.info("pool of postgres://bowline:zz-4@host/x")
    written = stream.getvalue()
    assert written.count(MASK) > 10
    encoded = base64.b64encode(CANARY.encode()).decode()
    for hidden in (CANARY, encoded, CANARY.encode().hex(), "zz-"):
        assert hidden not in written


SECRETS = st.text(
    st.sampled_from("abcXYZ0189+/=&%$#@!?-_.:;,'\"\\ é€\t"), min_size=8, max_size=40
).filter(lambda text: sum(map(str.isalnum, text)) > 4)


@given(secret=SECRETS, before=st.text(max_size=20), after=st.text(max_size=20))
def test_any_secret_is_masked_wherever_it_stands(secret: str, before: str, after: str) -> None:
    stream = started(secrets=(secret,))
    structlog.get_logger("bowline.x").info(before + secret + after, field={secret}, n=[secret])
    (written,) = stream.getvalue().rstrip("\n").split("\n")
    assert secret not in written
    assert json.dumps(secret)[1:-1] not in written
    assert repr(secret)[1:-1] not in written
    json.loads(written)


VALUES = st.recursive(
    st.none() | st.integers() | st.floats() | st.text() | st.binary() | st.builds(object),
    lambda inner: st.lists(inner) | st.dictionaries(st.integers() | st.text(), inner),
    max_leaves=8,
)


@given(value=VALUES)
def test_every_value_makes_one_line_of_valid_json(value: object) -> None:
    """A field that JSON cannot hold must not lose the line, nor break it in two."""
    stream = started()
    structlog.get_logger("bowline.x").info("x", value=value)
    (line,) = lines(stream)
    assert line["event"] == "x"


def test_a_short_secret_does_not_black_out_the_log() -> None:
    assert Redactor(["", "abc"]).clean("abcdef") == "abcdef"
    assert Redactor(["abcd"]).clean("abcdef") == f"{MASK}ef"


def test_a_secret_inside_another_leaves_no_rest() -> None:
    assert Redactor(["abcd", "abcdefgh"]).clean("abcdefgh") == MASK


def test_a_file_gets_the_same_lines_and_is_rotated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bowline.logs.FILE_BYTES", 2000)
    file = tmp_path / "logs" / "bowline.log"
    configure_logs("info", "text", (CANARY,), stream=io.StringIO(), file=file)
    for number in range(100):
        structlog.get_logger("bowline.x").info("event", number=number, value=CANARY)
    kept = sorted(path.name for path in file.parent.iterdir())
    assert kept == ["bowline.log", *(f"bowline.log.{n}" for n in range(1, 6))]
    assert json.loads(file.read_text().splitlines()[-1])["number"] == 99
    assert not any(CANARY in path.read_text() for path in file.parent.iterdir())


def events(text: str) -> list[str]:
    return [json.loads(line)["event"] for line in text.splitlines()]


def test_a_file_that_takes_no_lines_is_said_once_and_the_work_goes_on(tmp_path: Path) -> None:
    """A disk that fills up within a line, and has room again later."""
    with small_disk(tmp_path / "disk") as disk:
        stream, file = io.StringIO(), disk.path / "bowline.log"
        configure_logs("info", "json", stream=stream, file=file)
        log = structlog.get_logger("bowline.x")
        log.info("whole")
        disk.fill()
        for number in range(500):
            log.info("to be lost", number=number)
        said = [each for each in events(stream.getvalue()) if str(file) in each]
        assert len(said) == 1
        assert "No space left on device" in said[0]
        disk.make_room()
        log.info("after")
        log.info("later")
        again = [each for each in events(stream.getvalue()) if str(file) in each][1:]
        lines = file.read_text().splitlines()
    torn = [each for each in lines if not each.endswith("}")]
    whole = [json.loads(each) for each in lines if each not in torn]
    lost = 500 - sum(each["event"] == "to be lost" for each in whole)
    assert len(torn) <= 1
    assert [each["event"] for each in whole if each["event"] != "to be lost"] == [
        "whole", "after", "later",
    ]  # fmt: skip
    assert again == [f"the log file {file} takes lines again; lines lost: {lost}"]


def test_a_log_file_that_cannot_be_opened_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    stream = io.StringIO()
    configure_logs("info", "json", stream=stream, file=tmp_path / "file" / "bowline.log")
    (said,) = events(stream.getvalue())
    assert "takes no lines" in said
    structlog.get_logger("bowline.x").info("the work")
    structlog.get_logger("bowline.x").info("goes on")
    assert events(stream.getvalue())[1:] == ["the work", "goes on"]


PROGRAM = f"""
import structlog
from bowline.logs import configure_logs
configure_logs(secrets=["{CANARY}"])
structlog.get_logger("bowline.x").info("hello", value="{CANARY}")
raise RuntimeError("bug with {CANARY}")
"""


def test_off_a_terminal_stderr_is_json_down_to_the_crash() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    hello, crash = (json.loads(line) for line in done.stderr.splitlines())
    assert (hello["event"], crash["event"], crash["level"]) == ("hello", "crashed", "critical")
    assert f"RuntimeError: bug with {MASK}" in crash["exception"]
    assert CANARY not in done.stderr


def test_on_a_terminal_it_is_text_for_people() -> None:
    ours, theirs = pty.openpty()
    env = {**os.environ, "NO_COLOR": "1"}
    subprocess.run([sys.executable, "-c", PROGRAM], stderr=theirs, check=False, env=env)
    os.close(theirs)
    written = os.read(ours, 100_000).decode()
    os.close(ours)
    assert "hello" in written
    assert not written.startswith("{")
    assert CANARY not in written


def test_a_command_that_dies_of_a_bug_shows_no_secret() -> None:
    stream = io.StringIO()
    try:
        fail(f"db://u:other@host and {CANARY}")
    except ValueError as error:
        write_crash(error, [CANARY], stream)
    assert f"ValueError: bad key db://u:{MASK}@host and {MASK}" in stream.getvalue()
