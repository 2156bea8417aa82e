"""A made-up sweep of any size, with all that a page can show. The figures mean nothing."""

from __future__ import annotations

import numpy as np

from bowline.desk.sweep_report import (
    Axis,
    Figures,
    PageVerdict,
    Split,
    SweepPicture,
    Threshold,
    Tone,
    VerdictCheck,
)

_CHECKS = (
    ("Deflated Sharpe", "0.41", "the chance that the best is more than the luckiest", Tone.BAD),
    ("Overfitting", "47 %", "of the time the winner of one half lost the other", Tone.BAD),
    ("Out of sample", "18 %", "of the in-sample Sharpe ratio was left", Tone.DOUBT),
    ("Plateau", "83 %", "of the winner's figure at its neighbours' median", Tone.GOOD),
    ("Costs × 2", "-4.20 %", "total return of the winner at twice the costs", Tone.BAD),
)


def sample(count: int = 2_000, top: int = 50, *, seed: int = 1, hostile: str = "") -> SweepPicture:
    """`hostile` is put into every text."""
    draw = np.random.default_rng(seed)
    sizes = [40, max(1, count // 1_000), 5, 5]
    codes = np.array(np.unravel_index(np.arange(count) % np.prod(sizes), sizes))
    fast, slow, sl, _ = codes
    edge = 25 * np.exp(
        -(((fast - 24) / 9) ** 2) - ((slow - sizes[1] * 0.6) / (0.4 * sizes[1])) ** 2
    )
    gained = (
        edge - 22 + draw.normal(0, 14, count) * (1 + sl / 3) + np.exp(draw.normal(0, 1.2, count))
    )
    gained = np.maximum(gained, -100)
    fell = np.clip(30 - gained / 3 + draw.gamma(2, 6, count), 0.5, 100)
    sharpe = gained / 30 + draw.normal(0, 0.3, count)
    sharpe[draw.random(count) < 0.01] = np.nan
    before = sharpe + draw.normal(0, 0.4, count)
    after = 0.3 * sharpe + draw.normal(0, 0.7, count)
    after[draw.random(count) < 0.02] = np.nan
    best = np.argsort(-gained, kind="stable")[:top]
    return SweepPicture(
        title=f"trend and pullback{hostile}",
        about=f"BTCUSDT spot · 1m · 2025-06-16 00:00 – 2025-09-14 00:00 UTC · 90 d{hostile}",
        judgement=PageVerdict(
            f"Do not trade it: of {count:,} variants the luckiest would look as good.{hostile}",
            Tone.BAD,
            tuple(VerdictCheck(n + hostile, f + hostile, m + hostile, t) for n, f, m, t in _CHECKS),
        ),
        variants=count,
        figures=Figures(
            np.arange(count) * 3, gained, fell, sharpe, draw.integers(0, 900, count)
        ),
        axes=_axes(codes, sizes, hostile),
        top=best,
        equity=tuple(
            10_000 * np.exp(np.cumsum(draw.normal(np.log1p(max(g, -99) / 100) / 400, 0.01, 400)))
            for g in gained[best]
        ),
        split=Split("Sharpe ratio", False, before, after),
        thresholds=(
            Threshold("total_return_pct", 12.5, f"buy and hold +12.50 %{hostile}"),
            Threshold("sharpe", 2.1, f"the luckiest of {count:,} without an edge{hostile}"),
        ),
        warnings=(f"The shortlist could have lost the winner: correlation 0.61.{hostile}",),
        facts=(
            ("Variants", f"{count:,}"),
            (f"Request{hostile}", f"sha256 9f2c{hostile}"),
            ("Time", "planned in 0.4 s, computed in 12.1 s"),
        ),
        alike=tuple(range(1, len(best) + 1)),
        save_command=f"bowline grid save 7{hostile}",
    )  # fmt: skip


def _axes(codes, sizes, hostile):
    fast, slow, sl, tp = codes
    return (
        Axis(f"sma_cross fast{hostile}", tuple(str(5 + i) for i in range(sizes[0])), fast),
        Axis(
            f"sma_cross slow{hostile}",
            tuple(f"{20 + 5 * i}{hostile}" for i in range(sizes[1])),
            slow,
        ),
        Axis("rsi period", ("7", "14", "21"), np.where(fast % 2, fast % 3, -1)),
        Axis("SL %", ("off", "0.5", "1", "2", "4"), sl),
        Axis("TP %", ("off", "1", "2", "4", "8"), tp),
    )
