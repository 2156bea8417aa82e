"""Files that are saved under the name of a table and are none: the error says what they are.

The bodies are in the forms that the venues document for errors: Binance "Error Codes", Bybit v5
"Error Codes", OKX v5 "Error Code", Gate API v4 "Error handling", Bitget "REST API Error Code", HTX
"Error Code" and linear swaps "Error codes", Kraken "Error messages", Amazon S3 "Error responses"
(archives of candles lie there).
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from bowline.core.errors import BadInput
from bowline.storage.files import load_file
from bowline.storage.files.foreign import foreign_text
from bowline.storage.files.funding import load_funding_file
from tests.candle_files import csv_bytes, made_rows, zip_bytes

ERRORS = {
    "binance": ({"code": -1121, "msg": "Invalid symbol."}, "-1121: Invalid symbol."),
    "bybit": (
        {"retCode": 10001, "retMsg": "Not supported symbols", "result": {}, "time": 1672025956592},
        "10001: Not supported symbols",
    ),
    "okx": ({"code": "51001", "msg": "no such instrument", "data": []}, "51001: no such"),
    "gate": ({"label": "INVALID_CURRENCY", "message": "unknown"}, "INVALID_CURRENCY: unknown"),
    "bitget": ({"code": "40034", "msg": "no XYZ", "data": None}, "40034: no XYZ"),
    "htx": (
        {"status": "error", "err-code": "bad-request", "err-msg": "invalid symbol", "ts": 1},
        "bad-request: invalid symbol",
    ),
    "htx swaps": ({"status": "error", "err_code": 1332, "err_msg": "none"}, "1332"),
    "mexc": ({"msg": "Invalid symbol", "code": -1121, "_extend": None}, "-1121: Invalid symbol"),
    "kraken": ({"error": ["EQuery:Unknown asset pair"]}, "EQuery:Unknown asset pair"),
    "nested": ({"error": {"code": 7, "message": "denied"}}, "7: denied"),
}


def refused(path: Path, content: bytes, *, funding: bool = False) -> BadInput:
    path.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        load_funding_file(path) if funding else load_file(path)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("venue", ERRORS)
@pytest.mark.parametrize("name", ["candles.csv", "candles.json"])
def test_an_error_in_json_is_named_with_its_code_and_message(
    venue: str, name: str, tmp_path: Path
) -> None:
    body, said = ERRORS[venue]
    for funding in (False, True):
        error = refused(tmp_path / name, json.dumps(body).encode(), funding=funding)
        wanted = "not funding rates" if funding else "not candles"
        assert "this is an error of a server in JSON (" in error.message
        assert said in error.message
        assert error.message.endswith(wanted)
        assert "download again" in error.hint


@pytest.mark.parametrize("how", ["gzip", "zip", "spread", "bom", "utf-16", "comment"])
def test_it_is_found_however_it_is_packed_or_written(how: str, tmp_path: Path) -> None:
    plain = json.dumps(ERRORS["binance"][0])
    content = {
        "gzip": gzip.compress(plain.encode()),
        "zip": zip_bytes({"candles.csv": plain.encode()}),
        "spread": b"\n\n " + json.dumps(ERRORS["binance"][0], indent=4).encode() + b"\n",
        "bom": b"\xef\xbb\xbf" + plain.encode(),
        "utf-16": plain.encode("utf-16"),
        "comment": f"# made by a script\n{plain}\n".encode(),
    }[how]
    assert "(-1121: Invalid symbol.)" in refused(tmp_path / "candles.csv", content).message


ROWS = [["1670608800000", "17071", "17073", "17027", "17055.5", "268611"]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<!DOCTYPE html><head><title>404\n Not Found</title>", "a web page (404 Not Found)"),
        (b"\n<!-- x --><HTML><body>Access Denied", "a web page,"),
        (
            b'<?xml version="1.0"?>\n<Error><Code>NoSuchKey</Code><Message>It is gone.</Message>',
            "an XML document (NoSuchKey: It is gone.)",
        ),
        (b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n", "web server with its head"),
        (b"404: Not Found", "a line of text (404: Not Found)"),
        (b"error code: 1015", "a line of text (error code: 1015)"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 1\n", "Git LFS"),
        (b"%PDF-1.4\n%\xe2\xe3", "a PDF document"),
        (b"SQLite format 3\x00\x10", "a SQLite database"),
        (zip_bytes({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"}), "a workbook"),
        (json.dumps({"retCode": 0, "retMsg": "OK", "result": {"list": ROWS}}).encode(),
         "with rows under result.list"),
        (json.dumps({"code": "0", "msg": "", "data": ROWS}).encode(), "with rows under data"),
        (b'[{"t": 1, "o": 1, "h": 1, "l": 1, "c": 1}]', "a list of JSON objects (keys t, o, h, l"),
        (b'{"t":1,"o":1}\n{"t":2,"o":1}\n', "JSON objects, one a line (keys t, o)"),
        (b'{"status": "success"}', "a JSON object (keys status)"),
        (b'{"t": [1, 2', "JSON that breaks off"),
        (b"null", "a value in JSON (null)"),
        (b'["error"]', 'a value in JSON (["error"])'),
    ],
)  # fmt: skip
def test_what_is_no_table_is_named(content: bytes, said: str, tmp_path: Path) -> None:
    assert said in refused(tmp_path / "candles.csv", content).message


def test_words_of_a_server_are_shown_in_one_line_that_no_terminal_obeys(tmp_path: Path) -> None:
    body = json.dumps({"code": 1, "msg": "\x1b[31mred\nline " + "x" * 10_000})
    message = refused(tmp_path / "candles.csv", body.encode()).message
    assert "1: ?[31mred line x" in message
    assert len(message) < len(str(tmp_path)) + 400


@pytest.mark.parametrize(
    "content",
    [
        b"{" * 100_000, b"[" * 100_000, b"<title>" * 300_000, b"<title " * 300_000,
        b'{"a":' * 50_000, b"\xef{", b"{\xff\xfe", b"<", b"{", b"#" * 1_000 + b"\n", b"\x00{",
    ],
)  # fmt: skip
def test_hostile_text_is_refused_at_once(content: bytes, tmp_path: Path) -> None:
    refused(tmp_path / "candles.csv", content)
    refused(tmp_path / "rates.csv", content, funding=True)


def test_a_table_is_never_taken_for_something_else(tmp_path: Path) -> None:
    """Only what could not be read is looked at; MetaTrader's headings begin like a page."""
    rows = csv_bytes(made_rows())
    path = tmp_path / "candles.csv"
    path.write_bytes(rows)
    assert len(load_file(path).columns) == 60
    assert foreign_text("candles.csv", rows, "candles") is None
