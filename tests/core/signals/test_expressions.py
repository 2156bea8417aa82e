"""The rule language: what it means, what it refuses, and that it runs nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.core.signals.expressions import FUNCTIONS, calculate, evaluate, names, parse

NAN = float("nan")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("10 - 3 - 2", 5),
        ("12 / 4 / 3", 1),
        ("-2 * 3", -6),
        ("max(period, 5) - 1", 19),
        ("floor(sqrt(period))", 4),
        ("abs(5 - period)", 15),
        ("min(period, 5) + 0.5", 5.5),
    ],
)
def test_numbers_follow_the_usual_order(text, value):
    assert calculate(parse(text), {"period": 20}) == value


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("1 < 2", True),
        ("2 <= 2 and 3 > 4", False),
        ("1 > 2 or 2 > 1", True),
        ("1 > 2 and 1 > 2 or 2 > 1", True),
        ("2 > 1 or 1 > 2 and 1 > 2", True),
        ("(2 > 1 or 1 > 2) and 1 > 2", False),
    ],
)
def test_and_binds_closer_than_or(text, holds):
    assert calculate(parse(text), {}) is holds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fast <",
        "fast slow",
        "fast = slow",
        "fast == slow",
        "fast < slow < 3",
        "fast and slow",
        "(fast < slow) + 1",
        "prev(fast < slow)",
        "not fast < slow",
        "prev",
        "prev()",
        "prev(fast, slow)",
        "sqrt",
        "exp(fast)",
        "__import__('os')",
        "fast.__class__",
        "fast[0]",
        "lambda: 1",
        "1 < 2; 3",
        "(1 < 2",
        "and",
        "(" * 200 + "1" + ")" * 200,
    ],
)
def test_anything_else_is_refused_with_the_text(text):
    with pytest.raises(ValueError, match=r"ends too early|expected|did not|cannot|takes|at most"):
        parse(text)


@given(st.text(max_size=60))
def test_no_text_does_anything_but_read_or_raise_value_error(text):
    try:
        tree = parse(text)
    except ValueError:
        return
    assert names(tree) <= set(text.replace("(", " ").split()) | names(tree)


def _both(text, **columns):
    columns = {name: np.array(each, dtype=float) for name, each in columns.items()}
    return evaluate(parse(text), columns, len(next(iter(columns.values()))))


def test_prev_is_the_candle_before_and_unknown_on_the_first():
    crossed = _both("x > 2 and prev(x) <= 2", x=[3, 1, 3, 4])
    assert (crossed.holds & crossed.known).tolist() == [False, False, True, False]
    assert crossed.known.tolist() == [False, True, True, True]


@pytest.mark.parametrize("bad", [NAN, float("inf"), float("-inf")])
@pytest.mark.parametrize("text", ["x > y", "x < y", "x >= y or y > 0", "y > 0 and x < 5"])
def test_what_is_not_a_finite_number_makes_the_whole_rule_unknown(text, bad):
    assert not _both(text, x=[bad], y=[1.0]).known[0]


#: multiples of an eighth: every sum of them is exact
EIGHTHS = st.integers(-72, 72).map(lambda each: each / 8)


@given(st.lists(EIGHTHS, min_size=1, max_size=30), st.lists(EIGHTHS, min_size=30, max_size=30))
def test_columns_mean_what_single_numbers_mean(xs, ys):
    ys = ys[: len(xs)]
    text = "x * 2 - y > max(y, 0.5) or x + 1 < abs(y) and y >= -x"
    one_by_one = [calculate(parse(text), {"x": x, "y": y}) for x, y in zip(xs, ys, strict=True)]
    assert _both(text, x=xs, y=ys).holds.tolist() == [bool(each) for each in one_by_one]


def test_rounding_is_no_difference():
    off = [100.0, 100.00000000000001, 99.99999999999999, 100.000001, 99.999999]
    assert _both("x > 100", x=off).holds.tolist() == [False, False, False, True, False]
    assert _both("x < 100", x=off).holds.tolist() == [False, False, False, False, True]
    assert _both("x >= 100", x=off).holds.tolist() == [True, True, True, True, False]
    assert _both("x <= 100", x=off).holds.tolist() == [True, True, True, False, True]
    assert _both("x > 0", x=[1e-300, 0.0]).holds.tolist() == [True, False]


def test_rounding_is_measured_against_what_the_names_were_made_of():
    """1e-11 is rounding beside a price of 65,000, whatever it is compared with, and a word at 1."""
    columns = {"x": np.array([1e-11, -1e-11, 1e-7, 0.0]), "y": np.zeros(4)}
    price, one = np.full(4, 65_000.0), np.ones(4)

    def holds(text, **scales):
        return evaluate(parse(text), columns, 4, scales).holds.tolist()

    assert holds("x > 0") == [True, False, True, False]
    assert holds("x > 0", x=price) == [False, False, True, False]
    assert holds("x < 0", x=price) == [False] * 4
    assert holds("x >= 0", x=price) == [True] * 4
    assert holds("x > 0", x=one) == [True, False, True, False]
    for scales in ({"x": one, "y": price}, {"x": price, "y": one}):
        assert holds("x > y", **scales) == holds("y < x", **scales) == [False, False, True, False]
    assert holds("x > 0 and x > y", x=price) == [False, False, True, False]
    assert holds("x > prev(x)", x=price) == [False, False, True, False]


def test_every_function_is_known_by_its_number_of_operands():
    for name, (count, _) in FUNCTIONS.items():
        parse(f"{name}({', '.join(['x'] * count)})")
        with pytest.raises(ValueError, match="takes"):
            parse(f"{name}({', '.join(['x'] * (count + 1))})")
