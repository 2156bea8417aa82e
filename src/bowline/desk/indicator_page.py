"""The catalogue as a page for people: docs/reference/indicators.md is what this makes of it.

It must say nothing that is not in the catalogue; what the format means stands at its head.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from bowline.core.signals import Catalogue, Indicator
from bowline.core.signals.entry import INPUTS, Step
from bowline.core.signals.expressions import FUNCTIONS

_Value = TypeVar("_Value", str, Step)

_HEAD = f"""# Indicators

<!-- Made by `bowline indicators reference`: change the catalogue, not this page. -->

`bowline indicators list`, `show ID` and `compute ID` say the same at the command line. The
catalogue is the YAML files in `src/bowline/core/signals/entries`.

## How to read an entry

- **Inputs** are columns of the candles ({", ".join(INPUTS)}),
  **outputs** are series of one value a candle.
- **Parameters** have hard bounds: a value outside them, or between the steps, is refused.
- **Warm-up** is the number of candles before the first value of the last output. `day` is the
  number of candles in a UTC day; with it the warm-up is the most there can be.
- **LONG** and **SHORT** are the rule, judged at the close of each candle. Where both hold, or a
  value in the rule is missing, the indicator is NEUTRAL. `prev(x)` is x one candle earlier; there
  are `and`, `or`, `< > <= >=`, `+ - * /`, {", ".join(FUNCTIONS)}, and brackets.
- A value depends on the candles up to its own, never on a later one. A value at candle t is the
  same to the last bit whether the candles end there or go on
  (`tests/core/signals/test_causality.py`).

## Zero and rounding

- **0/0 has no value.** An oscillator over a range in which nothing moved, an average weighted by
  volume over candles without any, a ratio of sums that are all 0: the output is NaN there and the
  rule has no opinion, whatever the formula's library gives (TA-Lib has 0, or what rounding left in
  a running sum). *No value where* names the test, a function of
  `core/signals/formulas/undefined.py`. So Williams %R is the fast stochastic less 100 wherever
  either is known. An average over quotients has no value as long as it holds one of these
  (`kdj`, whose Wilder averages have no end, for as many candles as their periods); where 0 says
  "neither way" (balance of power, money flow of a candle without a range, ease of movement, wave
  trend) such a candle counts 0 and only a window of nothing else has no value. In all other
  windows TA-Lib's functions give TA-Lib's numbers to the last bit.
- **Rounding is zero.** Numbers that differ by less than a part in 10¹² of themselves, or of the
  largest so far of what they were made of (*scale*), are equal: an average in a market that stands
  still is a last bit off the price, and the difference of two averages a last bit off 0. The test
  is written once (`core/rounding.py`, with its reason), and sweeps use the same.
- **A quotient of averages without end** (RSI, ADX, TSI: Wilder's average, an EMA) keeps the value
  of the last moves in a market that stands still, until what is left of them is rounding beside
  the price; then it has none. `supertrend`, `atr_stop` and `sar_extended` hold the trend of the
  last crossing, and none before the first move; `vwap_anchored` averages since the anchor;
  `vidya` does not move without momentum.

## Your own bounds

The file named by `BOWLINE_INDICATORS` narrows this catalogue for one environment; it cannot widen
it or add to it:

```yaml
indicators:
  macd: {{enabled: false}}
  rsi: {{params: {{period: {{min: 5, max: 50, step: 5, default: 15}}}}}}
  ppo: {{params: {{average: {{choices: [ema]}}}}}}
```

## Changing the catalogue

An entry of a YAML file has `id`, `version`, `title`, `group`, `inputs`, `params`, `constraints`,
`outputs`, `warmup`, `compute`, `formula`, `source` and either `rule` (`long`, `short`) or `no_rule`
(why). A parameter reads `int 14 from 2 to 500 step 1`, `float 2 from 0.1 to 10 step 0.1` or
`choice sma of sma, ema`. `compute` is a list of calls `[formula, argument, …]`, `talib.NAME` or one
of `core/signals/formulas`; an argument is an input, an output of an earlier call, a parameter, a
kind of average or a number. What the calls return, in order, are the outputs. Two fields may be
left out: `undefined` (where an output is 0/0: a call of `core/signals/formulas/undefined.py` for
all outputs, or a mapping of output to call) and `scale` (the size of the numbers that an output is
the difference of, as a number of the rule language: one for all, or a mapping). A change of an
entry's numbers is a new version of it. Then write this page and the compiled catalogue anew:

    WRITE_GENERATED=1 pytest tests/storage/test_catalogue.py
"""


def reference_page(catalogue: Catalogue) -> str:
    """The whole page, in Markdown."""
    rules = sum(entry.rule is not None for entry in catalogue.entries)
    parts = [_HEAD, f"## The {len(catalogue.entries)} entries, {rules} with a rule\n"]
    for group in dict.fromkeys(entry.group for entry in catalogue.entries):
        parts.append(f"## {group}\n")
        parts.extend(_entry(entry) for entry in catalogue.entries if entry.group == group)
    return "\n".join(parts)


def _entry(entry: Indicator) -> str:
    source = entry.source.removeprefix("book: ")
    where = f"[source]({source})" if source == entry.source else source
    lines = [
        f"### {entry.id}\n",
        f"**{entry.title}** (version {entry.version}, {where})\n",
        f"`{entry.formula}`\n",
        f"- {', '.join(entry.inputs)} → {', '.join(entry.outputs)}; warm-up `{entry.warmup}`",
    ]
    lines += [f"- `{p.name}` = {p.default}: {p.allowed()}" for p in entry.params]
    lines += [f"- needs `{text}`" for text in entry.constraints]
    if entry.rule is None:
        lines.append(f"- no rule: {entry.no_rule}")
    else:
        said = (("LONG", entry.rule.long), ("SHORT", entry.rule.short))
        lines.append("- " + ", ".join(f"{name} `{text}`" for name, text in said if text))
    lines += [
        f"- no value where `{step.text}`: {', '.join(names)}"
        for step, names in _by_value(entry.undefined).items()
    ]
    lines += [f"- scale `{text}`: {', '.join(n)}" for text, n in _by_value(entry.scale).items()]
    return "\n".join(lines) + "\n"


def _by_value(named: Mapping[str, _Value]) -> dict[_Value, list[str]]:
    """The names of each value, in order."""
    found: dict[_Value, list[str]] = {}
    for name, value in named.items():
        found.setdefault(value, []).append(name)
    return found
