"""The order table is total, and no permutation or repetition of reports changes an order's end.

The legal steps stand here once more, written down from the design of the chain and not read from
the table: an end is an end, doubt is left by word or proof alone, and what filled stays filled.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.intent import Reason
from bowline.core.model.order import (
    ENDED,
    REPORTED,
    TRANSITIONS,
    Cell,
    Order,
    OrderEvent,
    OrderState,
)
from bowline.core.model.values import AccountId, OrderId, RunId, Side

S, E = OrderState, OrderEvent
#: of two reports the one further to the right counts
FURTHER = ("rejected", "expired", "cancelled", "filled")
ORDER = Order(
    OrderId(7), AccountId("a"), RunId(1), InstrumentId(MarketId(2), "BTCUSDT"), Side.BUY,
    Decimal(10), Reason.SIGNAL,
)  # fmt: skip


def test_the_table_says_something_of_every_state_and_event():
    assert set(TRANSITIONS) == set(OrderState)
    assert all(set(row) == set(OrderEvent) for row in TRANSITIONS.values())
    assert set(REPORTED) == set(OrderState)


#: what each event makes of the states named; every other cell leaves the state, or is a bug
BECOMES = {
    "accept": {"working": "pending unknown absent denied"},
    "arm": {"armed": "pending working unknown absent denied"},
    "trigger": {"triggered": "pending armed working unknown absent denied"},
    "part": {"partly_filled": "pending armed triggered working unknown absent denied"},
    "whole": {
        "filled": "pending armed triggered working partly_filled cancelling unknown absent denied "
        "rejected expired cancelled"
    },
    "ask_cancel": {"cancelling": "pending armed triggered working partly_filled"},
    "cancel": {
        "cancelled": "pending armed triggered working partly_filled cancelling unknown absent "
        "denied rejected expired"
    },
    "expire": {
        "expired": "pending armed triggered working partly_filled cancelling unknown absent denied "
        "rejected"
    },
    "reject": {
        "rejected": "pending armed triggered working partly_filled cancelling unknown absent denied"
    },
    "deny": {"denied": "pending cancelling"},
    "lose": {"unknown": "pending armed triggered working partly_filled"},
    "prove_absent": {"absent": "pending cancelling unknown"},
}
#: nothing left here: of an order that was seen there, that cannot be
BUGS = {
    "deny": "armed triggered working partly_filled unknown absent rejected expired cancelled "
    "filled",
}


@pytest.mark.parametrize("event", OrderEvent)
@pytest.mark.parametrize("state", OrderState)
def test_every_cell_is_what_the_design_says(state, event):
    ((becomes, froms),) = BECOMES[event.value].items()
    expected: object = Cell.SAME
    if state.value in froms.split():
        expected = OrderState(becomes)
    elif state.value in BUGS.get(event.value, "").split():
        expected = Cell.BUG
    assert TRANSITIONS[state][event] is expected


def test_every_state_can_be_reached():
    reached, before = {S.PENDING}, set()
    while reached != before:
        before = set(reached)
        reached |= {c for s in before for c in TRANSITIONS[s].values() if isinstance(c, OrderState)}
    assert reached == set(OrderState)


def test_an_end_is_left_only_for_a_further_end_or_if_the_venue_never_had_it_said():
    for state in ENDED:
        for event, cell in TRANSITIONS[state].items():
            if not isinstance(cell, OrderState):
                continue
            if state in {S.DENIED, S.ABSENT}:
                assert event not in {E.LOSE, E.ASK_CANCEL, E.PROVE_ABSENT, E.DENY}
            else:
                assert FURTHER.index(cell.value) > FURTHER.index(state.value)


def test_doubt_is_left_by_the_venue_s_word_or_by_proof_alone():
    said = {E.ACCEPT, E.ARM, E.TRIGGER, E.PART, E.WHOLE, E.CANCEL, E.EXPIRE, E.REJECT}
    for event, cell in TRANSITIONS[S.UNKNOWN].items():
        if isinstance(cell, OrderState):
            assert event in said | {E.PROVE_ABSENT}
    assert TRANSITIONS[S.UNKNOWN][E.PROVE_ABSENT] is S.ABSENT
    assert TRANSITIONS[S.UNKNOWN][E.DENY] is Cell.BUG


def test_an_order_whose_cancel_was_asked_for_lives_until_the_venue_ends_it():
    for event in (E.ACCEPT, E.PART, E.LOSE, E.ASK_CANCEL):
        assert TRANSITIONS[S.CANCELLING][event] is Cell.SAME
    assert S.CANCELLING not in ENDED


#: reports as (state, filled): what venues send of one order
LIVES = {
    "filled in two parts": [
        (S.PENDING, 0), (S.WORKING, 0), (S.PARTLY_FILLED, 4), (S.FILLED, 10),
    ],
    "cancelled in part": [(S.WORKING, 0), (S.PARTLY_FILLED, 4), (S.CANCELLED, 4)],
    "expired": [(S.PENDING, 0), (S.PARTLY_FILLED, 3), (S.EXPIRED, 3)],
    "accepted, part filled, then rejected": [
        (S.WORKING, 0), (S.PARTLY_FILLED, 2), (S.REJECTED, 2),
    ],
    "a stop": [(S.WORKING, 0), (S.ARMED, 0), (S.TRIGGERED, 0), (S.FILLED, 10)],
    "an alien word among them": [(S.WORKING, 0), (S.UNKNOWN, 0), (S.PARTLY_FILLED, 5)],
}  # fmt: skip
ENDS = {
    "filled in two parts": (S.FILLED, 10),
    "cancelled in part": (S.CANCELLED, 4),
    "expired": (S.EXPIRED, 3),
    "accepted, part filled, then rejected": (S.REJECTED, 2),
    "a stop": (S.FILLED, 10),
    "an alien word among them": (S.PARTLY_FILLED, 5),
}


def told(order: Order, reports) -> Order:
    for state, filled in reports:
        order = order.after_report(REPORTED[state], Decimal(filled), "v-1", "odd")
    return order


@pytest.mark.parametrize("life", LIVES)
def test_reports_in_any_order_and_twice_come_to_the_same_end(life):
    ends = {told(ORDER, each) for each in permutations(LIVES[life] * 2, len(LIVES[life]) + 1)
            if set(each) == set(LIVES[life])}  # fmt: skip
    ends |= {told(ORDER, each) for each in permutations(LIVES[life])}
    (end,) = ends
    assert (end.state, end.done_quantity) == ENDS[life]


steps = st.lists(
    st.tuples(
        st.sampled_from([S.PENDING, S.WORKING, S.ARMED, S.TRIGGERED, S.PARTLY_FILLED, S.CANCELLED,
                         S.EXPIRED, S.REJECTED, S.UNKNOWN]),
        st.integers(0, 9),
    ),
    min_size=1,
    max_size=6,
)  # fmt: skip


@given(steps, st.randoms(use_true_random=False), st.sampled_from([None, E.LOSE, E.DENY]))
def test_whatever_was_reported_its_order_says_nothing(reports, random, first):
    """A lost or denied request before changes nothing either: what the venue says counts."""
    begun = ORDER if first is None else ORDER.after(first)
    shuffled = reports + random.sample(reports, random.randint(0, len(reports)))
    random.shuffle(shuffled)
    assert told(begun, shuffled) == told(begun, reports)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5), st.sampled_from(sorted(ENDED, key=str)))
def test_a_fill_counts_whatever_the_state_and_never_beyond_what_was_ordered(parts, state):
    order = told(ORDER, [(state, 0)]) if REPORTED[state] else ORDER
    filled = 0
    for part in parts:
        if filled + part > 10 or (state is S.FILLED and filled + part > 10):
            with pytest.raises(ValueError, match="cannot have"):
                order.after_fill(Decimal(part))
            return
        order, filled = order.after_fill(Decimal(part)), filled + part
        assert order.filled_quantity == filled
    assert (order.state is S.FILLED) == (filled == 10 or state is S.FILLED)


def test_what_a_report_says_has_filled_and_no_fill_has_told_is_owed():
    order = told(ORDER, [(S.PARTLY_FILLED, 6)]).after_fill(Decimal(2))
    assert (order.owed_quantity, order.exposed_quantity) == (4, 8)
    assert order.after_fill(Decimal(4)).owed_quantity == 0


def test_a_word_that_nobody_knows_stays_with_the_order_and_changes_nothing_else():
    order = told(ORDER, [(S.WORKING, 0), (S.UNKNOWN, 0), (S.WORKING, 0)])
    assert (order.state, order.alien_word) == (S.WORKING, "odd")
