"""freqtrade's own environment: made once, with the versions of `requirements/judge.txt`.

freqtrade and what it needs never come into the project's environment.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
DEFAULT = ROOT / ".venv-judge"
_REQUIREMENTS = ROOT / "requirements" / "judge.txt"
#: what freqtrade's own ccxt believes its venue's addresses to be
_URLS = (
    "import ccxt.pro, json, sys; print(json.dumps(getattr(ccxt.pro, sys.argv[1])().urls['api']))"
)
_VERSIONS = (
    "import ccxt, freqtrade, json;"
    "print(json.dumps({'freqtrade': freqtrade.__version__, 'ccxt': ccxt.__version__}))"
)


class Environment:
    """The environment in `folder`; set up when it is first asked for."""

    def __init__(self, folder: Path = DEFAULT) -> None:
        self._python = folder / "bin" / "python"
        self.freqtrade = folder / "bin" / "freqtrade"
        if not self.freqtrade.exists():
            sys.stderr.write(f"Setting up {folder} (about 1 GB, minutes the first time) ...\n")
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            pip = [self._python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
            subprocess.run([*pip, "--require-hashes", "-r", _REQUIREMENTS], check=True)

    def versions(self) -> dict[str, str]:
        """Of freqtrade and of the ccxt that it uses."""
        return self._ask(_VERSIONS)

    def urls(self, ccxt_name: str, http: str, ws: str) -> Any:
        """Ccxt's own addresses with scheme and host replaced: all that freqtrade is told."""

        def moved(value: Any) -> Any:
            if isinstance(value, dict):
                return {name: moved(each) for name, each in value.items()}
            if isinstance(value, str):
                return re.sub(r"^wss?://[^/]+", ws, re.sub(r"^https?://[^/]+", http, value))
            return value

        return moved(self._ask(_URLS, ccxt_name))

    def _ask(self, program: str, *words: str) -> Any:
        done = subprocess.run(
            [self._python, "-W", "ignore", "-c", program, *words],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return json.loads(done.stdout)
