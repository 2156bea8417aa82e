"""A browser that tests drive: Chromium without a window, spoken to by its DevTools protocol.

One browser for all tests of a process, a new page for each. What a page complains about (an
error, a warning, what its policy stopped) is kept, and so is every text it draws on a canvas. The
protocol: https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

CHROMIUM = next(
    (p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), ""
)
MISSING = (
    "no Chromium here, so the pages were NOT drawn by a browser: install it"
    " (Debian: apt-get install chromium)"
)
PHONE, DESKTOP = 390, 1280
#: a busy machine is slow, one that does not answer for so long is broken
PATIENCE_S = 60.0
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--remote-debugging-port=0", "--disable-dev-shm-usage",
)  # fmt: skip
_KEEP_TEXTS = """
window.drawnTexts = {};
for (const way of ["fillText", "strokeText"]) {
  const draw = CanvasRenderingContext2D.prototype[way];
  CanvasRenderingContext2D.prototype[way] = function (text, ...rest) {
    (window.drawnTexts[this.canvas.id] ??= []).push(String(text));
    return draw.call(this, text, ...rest);
  };
}
"""


def needed() -> None:
    """Without a browser: in CI a failure, elsewhere a skip that says what to install."""
    if not CHROMIUM:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)


class Browser:
    """Chromium with a profile of its own in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._number = 0
        self._log = (folder / "chromium.log").open("w")
        self._process = subprocess.Popen(
            [CHROMIUM, *_FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        address = self._address(folder / "profile" / "DevToolsActivePort")
        self._session, self._socket = self._loop.run_until_complete(self._connected(address))
        self.told: list[dict[str, Any]] = []

    def _address(self, said: Path) -> str:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            lines = said.read_text().splitlines() if said.exists() else []
            if len(lines) == 2:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            assert self._process.poll() is None, Path(self._log.name).read_text()
            time.sleep(0.05)
        pytest.fail(f"Chromium does not start: {Path(self._log.name).read_text()}")

    async def _connected(
        self, address: str
    ) -> tuple[aiohttp.ClientSession, aiohttp.ClientWebSocketResponse]:
        session = aiohttp.ClientSession()
        return session, await session.ws_connect(address, max_msg_size=0)

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """The answer to one command; events that come before it are kept in `told`."""
        return self._loop.run_until_complete(
            asyncio.wait_for(self._call(method, session, params), PATIENCE_S)
        )

    async def _call(
        self, method: str, session: str | None, params: dict[str, Any]
    ) -> dict[str, Any]:
        self._number += 1
        asked = {"id": self._number, "method": method, "params": params}
        await self._socket.send_json(asked | ({"sessionId": session} if session else {}))
        while True:
            message = await self._socket.receive_json()
            if message.get("id") == self._number:
                assert "error" not in message, (method, message)
                return message["result"]
            self.told.append(message)

    def open(self, path: Path, width: int = PHONE, height: int = 844) -> Page:
        """The page of a file, once its script has drawn it."""
        return Page(self, path.as_uri(), width, height)

    def close(self) -> None:
        self._loop.run_until_complete(self._socket.close())
        self._loop.run_until_complete(self._session.close())
        self._loop.close()
        self._process.terminate()
        self._process.wait()
        self._log.close()


class Page:
    """One page, as wide as asked. `complaints` are of everything since it was opened."""

    def __init__(self, browser: Browser, address: str, width: int, height: int) -> None:
        self._browser, self.width = browser, width
        self._target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        attached = browser.call("Target.attachToTarget", targetId=self._target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width == PHONE,
        )  # fmt: skip
        self.call("Page.addScriptToEvaluateOnNewDocument", source=_KEEP_TEXTS)
        self.call("Page.navigate", url=address)
        self.until('document.documentElement?.dataset.drawn === "yes"')

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        return self._browser.call(method, self._session, **params)

    def ask(self, expression: str) -> Any:
        """The value of an expression of JavaScript in the page."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def until(self, expression: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + PATIENCE_S
        while not self.ask(expression):
            assert time.monotonic() < end, (expression, self.complaints)
            time.sleep(0.02)

    @property
    def complaints(self) -> list[str]:
        """Errors and warnings: of the script, of the console, and of the browser itself."""
        self.ask("0")  # what was said before this answer has come with it
        told = [each for each in self._browser.told if each.get("sessionId") == self._session]
        return [text for each in told if (text := _complaint(each))]

    @property
    def dom(self) -> str:
        return self.ask("document.documentElement.outerHTML")

    @property
    def drawn(self) -> dict[str, list[str]]:
        """The texts on each canvas, by its id, since the page was opened."""
        return self.ask("window.drawnTexts")

    def close(self) -> None:
        self._browser.call("Target.closeTarget", targetId=self._target)


def _complaint(event: dict[str, Any]) -> str:
    params = event["params"]
    match event["method"]:
        case "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            return details.get("exception", {}).get("description", details["text"])
        case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
            return " ".join(str(each.get("value", each)) for each in params["args"])
        case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
            return params["entry"]["text"]
    return ""
