"""Cross-validation and walk-forward as skfolio splits them; run by its own environment.

Reads `cases.npz` in the folder it is given and writes `splits.json` beside it.

1. Combinatorial splits: the S/2 folds of S that are the test of each split, nothing purged.
2. On each split, in plain loops over its index arrays: the variant with the best Sharpe ratio in
   training, its relative rank in the test, the logit; PBO is the share that is not above 0.
3. Walk-forward splits, rolling and expanding: first and last row of each part.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from skfolio.model_selection import CombinatorialPurgedCV, WalkForward


def sharpe(returns: np.ndarray) -> np.ndarray:
    """Mean over sample deviation of each column."""
    return returns.mean(axis=0) / returns.std(axis=0, ddof=1)


def overfitting(returns: np.ndarray, blocks: int) -> float:
    """PBO of (days, variants) over the splits of skfolio."""
    splitter = CombinatorialPurgedCV(n_folds=blocks, n_test_folds=blocks // 2)
    logits = []
    for train, tests in splitter.split(returns):
        test = np.concatenate(tests)
        before, after = sharpe(returns[train]), sharpe(returns[test])
        rank = 1 + np.sum(after < after[before.argmax()])
        share = rank / (returns.shape[1] + 1)
        logits.append(np.log(share / (1 - share)))
    return float(np.mean(np.array(logits) <= 0))


def walk(rows: int, train: int, test: int, *, anchored: bool) -> list[list[int]]:
    """First row to choose on, first row to test, row after the test, of each fold."""
    splitter = WalkForward(
        train_size=train, test_size=test, expand_train=anchored, reduce_test=True
    )
    return [
        [int(chosen[0]), int(tested[0]), int(tested[-1]) + 1]
        for chosen, tested in splitter.split(np.zeros((rows, 1)))
    ]


def main() -> None:
    """Every case of the folder."""
    folder = Path(sys.argv[1])
    asked = json.loads((folder / "asked.json").read_text())
    with np.load(folder / "cases.npz") as cases:
        found = {
            "overfitting": [overfitting(cases[name].T, blocks) for name, blocks in asked["cases"]],
            "walks": [walk(*sizes, anchored=anchored) for *sizes, anchored in asked["walks"]],
        }
    (folder / "splits.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
