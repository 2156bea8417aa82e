"""What tests of pages need: their elements, and a browser to draw them."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser

CHROMIUM = next(
    (p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), ""
)


class Elements(HTMLParser):
    """Every start tag with its attributes, and the text of the script elements."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.scripts = re.findall(r"<script[^>]*>(.*?)</script>", text, flags=re.DOTALL)
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def browse(path, profile):
    """The DOM after the page's script, on a phone, and what the browser complained about."""
    done = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
            "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", f"--user-data-dir={profile}", "--enable-logging=stderr",
            "--virtual-time-budget=4000", "--window-size=390,844", "--dump-dom", path.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]
