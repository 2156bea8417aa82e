"""The probability of overfitting and walk-forward folds against skfolio's splits.

The first run makes an environment of its own, `.venv-skfolio` in the checkout (ignored by git).

1. Draw daily returns: noise, a planted edge, planted overfitting, fat tails.
2. Cross-validate them, and cut walk-forward folds.
3. Hand them to `peers/skfolio_splits.py`, run by that environment.
4. Print one JSON line a case; the ratio is ours to theirs, and for folds 1 if all are the same.

It leaves with exit code 1 if one of them differs. Where days or candles do not divide, both cut
them in another way, so the cases divide, or leave over at least half a test.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bowline.research.validation import cross_validate, make_folds

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv-skfolio"
PEER = ROOT / "bench" / "peers" / "skfolio_splits.py"
SKFOLIO = "1.12.2"
WALKS = (
    (1000, 300, 100, False),
    (1000, 300, 100, True),
    (970, 300, 100, False),
    (480, 90, 30, True),
)


def cases() -> dict[str, tuple[NDArray[np.float64], int]]:
    """Name, (variants, days), blocks."""
    rng = np.random.default_rng(11)
    edge = rng.normal(0, 0.01, (60, 320))
    edge[7] += 0.002
    compensated = rng.normal(0, 0.01, (60, 320))
    compensated -= compensated.mean(axis=1, keepdims=True)
    return {
        "noise, 10 blocks": (rng.normal(0, 0.01, (100, 250)), 10),
        "noise, 16 blocks": (rng.normal(0, 0.01, (100, 320)), 16),
        "noise, two variants": (rng.normal(0, 0.01, (2, 240)), 12),
        "fat tails": (0.01 * rng.standard_t(3, (100, 240)), 12),
        "a planted edge": (edge, 10),
        "planted overfitting": (compensated, 10),
    }


def peer_python() -> Path:
    """The interpreter of skfolio's environment, made if it is not there."""
    python = ENVIRONMENT / "bin" / "python"
    has = f"import skfolio; assert skfolio.__version__ == {SKFOLIO!r}"
    if python.exists() and subprocess.run([python, "-c", has], check=False).returncode == 0:
        return python
    print(f"making {ENVIRONMENT.name} with skfolio {SKFOLIO} ...", file=sys.stderr)
    venv.create(ENVIRONMENT, with_pip=True)
    install = [python, "-m", "pip", "install", "-q", f"skfolio=={SKFOLIO}"]
    if subprocess.run(install, check=False).returncode:
        sys.exit(f"skfolio {SKFOLIO} could not be installed (pip said why above): no comparison")
    return python


def theirs(python: Path, asked: dict[str, tuple[NDArray[np.float64], int]]) -> dict[str, list]:
    """What skfolio's splits come to."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.savez(folder / "cases.npz", **{each: rows for each, (rows, _) in asked.items()})
        words = {"cases": [(each, blocks) for each, (_, blocks) in asked.items()], "walks": WALKS}
        (folder / "asked.json").write_text(json.dumps(words))
        subprocess.run([python, PEER, folder], check=True)
        return json.loads((folder / "splits.json").read_text())


def main() -> None:
    """Compare, print, and fail where they differ."""
    asked = cases()
    found = theirs(peer_python(), asked)
    wrong = 0
    for (name, (returns, blocks)), peer in zip(asked.items(), found["overfitting"], strict=True):
        began = time.perf_counter()
        ours = cross_validate(returns, blocks).pbo
        seconds = time.perf_counter() - began
        wrong += ours != peer
        line = {
            "bench": "overfitting_vs_skfolio", "case": f"PBO, {name} ({seconds:.3f} s)",
            "value": ours, "unit": "probability", "peer": f"skfolio {SKFOLIO} splits: {peer}",
            "ratio": ours / peer if peer else float(ours == peer),
        }  # fmt: skip
        print(json.dumps(line))
    for (rows, train, test, anchored), peer in zip(WALKS, found["walks"], strict=True):
        folds = make_folds(0, rows, train=train, test=test, anchored=anchored)
        ours_folds = [[fold.train_start, fold.test_start, fold.stop] for fold in folds]
        wrong += ours_folds != peer
        kind = "anchored" if anchored else "rolling"
        line = {
            "bench": "overfitting_vs_skfolio", "case": f"{kind} folds of {rows}: {train} + {test}",
            "value": len(folds), "unit": "folds", "peer": f"skfolio {SKFOLIO}: {len(peer)}",
            "ratio": float(ours_folds == peer),
        }  # fmt: skip
        print(json.dumps(line))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
