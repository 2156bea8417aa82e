"""ClickHouse's HTTP interface in front of the engine within this process, for tests of the client.

Enough of it for clickhouse-connect: queries and inserts, parameters and errors. It checks the
password, and can be switched off in the middle to be a server that does not answer.
"""

from __future__ import annotations

import base64
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self
from urllib.parse import parse_qsl, urlsplit

import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

USER, PASSWORD = "bowline", "p%40ss-word"


class ClickHouseOverHttp:
    """A server on a free port, as a context."""

    def __init__(self, engine: Client) -> None:
        class Handler(_Handler):
            client: ClassVar[Client] = engine

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"clickhouse://{USER}:{PASSWORD}@127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"  # no connection outlives its answer
    client: ClassVar[Client]
    _turn: ClassVar[threading.Lock] = threading.Lock()

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        asked = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        body = self._body()
        if self.headers.get("Content-Encoding") == "lz4":
            body = pa.CompressedInputStream(pa.BufferReader(body), "lz4").read()
        expected = base64.b64encode(f"{USER}:p@ss-word".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {expected}":
            self._answer(403, b"Code: 516. DB::Exception: Authentication failed")
            return
        try:
            with self._turn:
                answer = self._ask(asked, body)
        except DatabaseError as error:
            self._answer(400, str(error).encode())
            return
        self._answer(200, answer)

    def _ask(self, asked: dict[str, str], body: bytes) -> bytes:
        statement, _, content = body.partition(b"\n")
        text = asked.get("query", "") or body.decode("utf-8", "replace")
        if "query" in asked:
            statement, content = asked["query"].encode(), body
        words = statement.decode("utf-8", "replace").split()
        if words[:2] == ["INSERT", "INTO"] and words[-2:-1] == ["FORMAT"]:
            into = " ".join(words[2:-2])
            self.client.raw_insert(
                into.partition(" ")[0].replace("`", ""), None, content, fmt=words[-1]
            )
            return b""
        parameters: dict[str, Any] = {
            name.removeprefix("param_"): value
            for name, value in asked.items()
            if name.startswith("param_")
        }
        plain = text.lstrip()[:6].upper() == "SELECT" and "FORMAT" not in text
        return self.client.raw_query(
            text, parameters=parameters, fmt="TabSeparated" if plain else None
        )

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
