"""What the engine makes of what real venues say: late, twice, out of order, or not at all.

The sequences are those of the design of the chain that a core for backtests could not take.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bowline.core.engine import Engine
from bowline.core.model.account import Capabilities
from bowline.core.model.command import (
    EnterHalt,
    LookUpOrder,
    RecordAnomaly,
    RecordRefusal,
    SetTimer,
)
from bowline.core.model.event import (
    CancelRequested,
    Endpoint,
    FlattenRequested,
    Halted,
    OrderNotFound,
    Resumed,
    RunStarted,
    RunStopped,
    SendDenied,
    TimerFired,
)
from bowline.core.model.instrument import Instrument
from bowline.core.model.intent import Reason, Refusal
from bowline.core.model.order import OrderState, Purpose
from bowline.core.model.values import Side
from tests.core.engine.worlds import ID, INSIDE, NOTHING, POLICY, RESTS, World

S = OrderState


def entered(policy=POLICY, can: Capabilities = NOTHING) -> World:
    """A world with a long position, entered by order 1 at 100."""
    world = World(policy, can)
    (entry,) = world.close(100, 1)
    world.report(entry, S.WORKING)
    world.fill(entry)
    return world


# --- an order's reports, in every order -----------------------------------------------------------


def entry_reports(world: World, entry):
    """Ack of REST, ack of the stream, two fills, and the venue's last word."""
    half = entry.quantity / 2
    return {
        "ack": lambda: world.report(entry, S.PENDING),
        "working": lambda: world.report(entry, S.WORKING),
        "part": lambda: world.report(entry, S.PARTLY_FILLED, half),
        "fill a": lambda: world.fill(entry, "0.5", "a"),
        "fill b": lambda: world.fill(entry, "0.5", "b"),
        "filled": lambda: world.report(entry, S.FILLED, entry.quantity),
    }


def test_every_permutation_and_repetition_of_an_entry_s_reports_has_one_outcome():
    names = ("ack", "working", "part", "fill a", "fill b", "filled")
    ends = set()
    for sequence in permutations(names):
        world = World(instrument=Instrument(ID, lot_step=Decimal("0.02"), quote="USDT"))
        (entry,) = world.close(100, 1)
        reports = entry_reports(world, entry)
        for name in (*sequence, *sequence[::-1]):
            reports[name]()
        assert world.state.plan_id is None
        order = world.order(entry)
        ends.add(
            (order.state, order.filled_quantity, world.wallet.cash, repr(world.state.position))
        )
    assert len(ends) == 1
    (end,) = ends
    assert end[0] is S.FILLED


def test_a_part_fill_before_the_ack_is_booked_once_and_the_order_stays_partly_filled():
    world = World()
    (entry,) = world.close(100, 1)
    world.fill(entry, "0.25")
    world.report(entry, S.WORKING)
    world.report(entry, S.PENDING)
    assert world.order(entry).state is S.PARTLY_FILLED
    assert world.state.position.quantity == entry.quantity / 4


def test_a_cancelled_order_that_fills_after_all_is_booked_and_flagged():
    world = World()
    (entry,) = world.close(100, 1)
    world.report(entry, S.WORKING)
    world.report(entry, S.CANCELLED)
    assert world.state.position is None
    world.fill(entry, "0.5")
    assert world.state.position.quantity == entry.quantity / 2
    assert world.order(entry).state is S.CANCELLED
    assert [each.order_id for each in world.said if isinstance(each, RecordAnomaly)] == [entry.id]


def test_the_same_fill_counts_once_also_after_a_restart():
    world = World()
    (entry,) = world.close(100, 1)
    world.fill(entry, "0.5", "a")
    world.fill(entry, "0.5", "a")
    restarted = Engine()
    restarted.restore(world.engine.snapshot())
    world.engine = restarted
    world.fill(entry, "0.5", "a")
    assert world.state.position.quantity == entry.quantity / 2


def test_an_order_accepted_and_part_filled_may_still_be_rejected_and_keeps_what_filled():
    world = World()
    (entry,) = world.close(100, 1)
    world.report(entry, S.WORKING)
    world.fill(entry, "0.5")
    world.report(entry, S.REJECTED, entry.quantity / 2)
    assert world.order(entry).state is S.REJECTED
    assert world.state.position.quantity == entry.quantity / 2
    assert world.state.plan_id is None


def test_a_report_that_says_more_than_the_fills_ends_nothing_until_the_fills_are_there():
    """Money is booked from fills alone: the plan waits for what is owed."""
    world = World()
    (entry,) = world.close(100, 1)
    world.report(entry, S.FILLED, entry.quantity)
    assert (world.state.position, world.order(entry).owed_quantity) == (None, entry.quantity)
    assert world.state.plan_id is not None
    world.fill(entry)
    assert world.state.plan_id is None


# --- doubt ----------------------------------------------------------------------------------------


def test_a_lost_order_blocks_the_run_is_looked_up_and_counts_in_full():
    world = World(can=Capabilities(continuous=True))
    (entry,) = world.close(100, 1)
    world.lose(entry)
    world.lose(entry)
    assert world.order(entry).state is S.UNKNOWN
    assert world.order(entry).exposed_quantity == entry.quantity
    assert world.close(100, -1) == []
    timers = [each for each in world.said if isinstance(each, SetTimer)]
    assert {each.timer for each in timers} == {timers[0].timer}
    looked = world.tell(TimerFired(timers[0].at_ns, timers[0].timer))
    assert isinstance(looked[0], LookUpOrder)
    assert isinstance(looked[1], SetTimer)


def test_what_had_filled_is_kept_when_an_order_is_lost_on_the_way():
    world = World()
    (entry,) = world.close(100, 1)
    world.fill(entry, "0.5")
    world.lose(entry)
    world.lose(entry)
    assert world.order(entry).state is S.UNKNOWN
    assert world.state.position.quantity == entry.quantity / 2


def absent(world: World, entry, endpoints=tuple(Endpoint), asked_ns=10**18, *, covered=True):
    for each in endpoints:
        world.tell(OrderNotFound(world.now, entry.account, entry.id, each, covered, asked_ns))


@pytest.mark.parametrize("missing", list(Endpoint))
def test_an_order_is_absent_only_when_every_endpoint_says_so(missing):
    world = World()
    (entry,) = world.close(100, 1)
    world.lose(entry)
    absent(world, entry, [each for each in Endpoint if each is not missing])
    assert world.order(entry).state is S.UNKNOWN
    absent(world, entry, [missing])
    assert world.order(entry).state is S.ABSENT
    assert world.state.plan_id is None


def test_reads_before_the_fence_or_without_cover_prove_nothing():
    world = World()
    (entry,) = world.close(100, 1)
    fenced = replace(world.order(entry), fence_ns=10**15)
    world.engine.state.orders[entry.id] = fenced
    world.lose(entry)
    absent(world, entry, asked_ns=10**15)
    absent(world, entry, covered=False)
    assert world.order(entry).state is S.UNKNOWN


def test_a_fill_that_nobody_owns_forbids_to_call_an_order_absent():
    world = World()
    (entry,) = world.close(100, 1)
    world.lose(entry)
    world.fill(entry, "0.5", named=False)
    absent(world, entry)
    assert world.order(entry).state is S.UNKNOWN
    assert world.state.position is None
    world.report(entry, S.WORKING)
    assert world.state.position.quantity == entry.quantity / 2


def test_a_word_of_the_venue_between_two_reads_begins_the_proof_anew():
    world = World()
    (entry,) = world.close(100, 1)
    world.lose(entry)
    absent(world, entry, list(Endpoint)[:3])
    world.report(entry, S.UNKNOWN, word="halted")
    absent(world, entry, list(Endpoint)[3:])
    assert world.order(entry).state is S.UNKNOWN


def test_an_absent_order_that_is_there_after_all_lives_again_is_cancelled_and_halts_entries():
    world = World()
    (entry,) = world.close(100, 1)
    world.lose(entry)
    absent(world, entry)
    world.report(entry, S.WORKING)
    assert world.order(entry).state is S.CANCELLING
    assert entry.id in world.cancels()
    assert any(isinstance(each, EnterHalt) for each in world.said)
    world.close(100, -1)
    assert refusals(world) == [Refusal.HALTED]


def test_the_reply_to_a_cancel_is_lost_and_the_order_counts_as_live():
    world = World()
    (entry,) = world.close(100, 1)
    world.report(entry, S.WORKING)
    world.tell(CancelRequested(world.now, entry.account, entry.id, "me"))
    world.lose(entry)
    assert world.order(entry).state is S.CANCELLING
    assert world.order(entry).exposed_quantity == entry.quantity


def test_a_state_word_that_nobody_knows_freezes_new_risk_there():
    world = World()
    (entry,) = world.close(100, 1)
    world.report(entry, S.WORKING)
    world.report(entry, S.UNKNOWN, word="SUSPENDED_BY_VENUE")
    assert world.order(entry).state is S.WORKING
    assert world.order(entry).alien_word == "SUSPENDED_BY_VENUE"


def test_a_fill_of_an_order_that_is_not_ours_touches_no_run_and_freezes_new_risk():
    world = World()
    (other,) = World().close(100, 1)
    foreign = replace(other, id=type(other.id)(99))
    world.fill(foreign, named=False)
    assert (world.state.position, world.wallet.cash) == (None, 1000)
    world.close(100, 1)
    assert refusals(world) == [Refusal.IN_DOUBT]


def refusals(world: World) -> list[Refusal]:
    return [each.refused.reason for each in world.said if isinstance(each, RecordRefusal)]


# --- candles --------------------------------------------------------------------------------------


def test_candles_of_two_feeds_out_of_order_and_twice_are_decided_once_in_order():
    once, twice = World(), World()
    for world, repeat in ((once, 1), (twice, 3)):
        for close, signal in ((100, 1), (101, 0), (90, 0), (91, -1)):
            before = world.at
            for _ in range(repeat):
                world.at = before
                for order in world.close(close, signal):
                    world.fill(order, price=str(close), trade=f"t{order.id}")
            if repeat > 1 and world.at > 1:
                world.at -= 2
                assert world.close(1, -1) == []  # an old candle, restated
                world.at = before + 1
    mine, theirs = (msgspec.json.encode(w.engine.state.orders) for w in (once, twice))
    assert mine == theirs


# --- leaving --------------------------------------------------------------------------------------


def test_an_exit_the_venue_refuses_is_tried_again_at_the_next_close():
    world = entered()
    (stop,) = world.close(90)
    assert (stop.reason, stop.reduce_only) == (Reason.STOP_LOSS, True)
    world.refuse(stop)
    (again,) = world.close(99)
    assert (again.reason, again.side) == (Reason.STOP_LOSS, Side.SELL)
    assert again.id == stop.id + 1
    world.fill(again)
    assert world.state.position is None
    assert world.close(99) == []


def test_a_signal_exit_the_venue_refuses_is_not_lost_with_its_edge():
    world = entered()
    (leave,) = world.close(100, -1)
    world.refuse(leave)
    (again,) = world.close(100)
    assert (again.reason, again.reduce_only) == (Reason.SIGNAL, True)


def test_an_exit_that_never_left_is_tried_again():
    world = entered()
    (stop,) = world.close(90)
    world.tell(SendDenied(world.now, stop.account, stop.id, "deadline"))
    (again,) = world.close(90)
    assert again.purpose is Purpose.EXIT


def test_a_flip_enters_only_when_the_exit_has_filled_whole():
    world = World(instrument=Instrument(ID, lot_step=Decimal("0.01"), quote="USDT"))
    (entry,) = world.close(100, 1)
    world.fill(entry)
    (leave,) = world.close(100, -1)
    assert world.fill(leave, "0.5", "b") == []
    (enter,) = world.fill(leave, "0.5", "c")
    assert (enter.side, enter.reduce_only) == (Side.SELL, False)


def test_a_part_filled_entry_is_left_or_completed_once_as_the_account_says():
    for completes, expected in ((False, 0), (True, 1)):
        world = World(completes_part_fills=completes)
        (entry,) = world.close(100, 1)
        world.fill(entry, "0.25")
        more = world.report(entry, S.EXPIRED, entry.quantity / 4)
        assert len(more) == expected
        for follow_up in more:
            assert follow_up.quantity == entry.quantity * 3 / 4
            assert (follow_up.purpose, follow_up.attempt) == (Purpose.FOLLOW_UP, 2)
            world.fill(follow_up, "0.5", "c")
            assert world.report(follow_up, S.EXPIRED, follow_up.quantity / 2) == []
        assert world.state.plan_id is None


def test_an_exit_is_never_larger_than_what_a_fee_in_coins_has_left():
    world = World()
    (entry,) = world.close(100, 1)
    fee = entry.quantity / 1000
    world.fill(entry, fee=str(fee), asset="BTC")
    (stop,) = world.close(90)
    assert stop.quantity == entry.quantity - fee


def test_a_fee_in_coins_on_an_exit_costs_money_and_leaves_none_of_the_position():
    """What the venue keeps of a sale is not part of what was sold."""
    world = World()
    (entry,) = world.close(100, 1)
    world.fill(entry)
    (stop,) = world.close(90)
    before = world.wallet.cash
    world.fill(stop, price="90", trade="b", fee="0.01", asset="BTC")
    assert world.state.position is None
    assert world.wallet.cash == before + stop.quantity * 90 - Decimal("0.9")


# --- people ---------------------------------------------------------------------------------------


def test_a_halt_stops_entries_by_name_and_is_lifted_by_itself_alone():
    world = World()
    world.tell(Halted(0, "account:main", "testing", "me"))
    world.tell(Halted(0, "all", "news", "me"))
    world.close(100, 1)
    world.tell(Resumed(0, "all", "news", "me"))
    world.close(100, -1)
    assert refusals(world) == [Refusal.HALTED] * 2
    world.tell(Resumed(0, "account:main", "testing", "me"))
    assert len(world.close(100, 1)) == 1


def test_a_halt_never_keeps_a_position_from_being_left():
    world = entered()
    world.tell(Halted(0, "all", "news", "me"))
    (stop,) = world.close(90)
    assert stop.reduce_only


def test_flatten_halts_cancels_entries_and_leaves_positions():
    world = entered()
    commands = world.tell(FlattenRequested(world.now, "all", "me"))
    assert [c.order.reason for c in commands if hasattr(c, "order")] == [Reason.FLATTEN]
    waiting = World()
    (entry,) = waiting.close(100, 1)
    waiting.report(entry, S.WORKING)
    waiting.tell(FlattenRequested(waiting.now, "account:main", "me"))
    assert waiting.cancels() == [entry.id]
    waiting.report(entry, S.CANCELLED)
    waiting.close(100, -1)
    assert refusals(waiting) == [Refusal.HALTED]


def test_a_run_that_is_started_again_in_its_journal_goes_on():
    world = entered()
    world.tell(RunStopped(world.now, world.run.id, leave=False))
    position = world.state.position
    assert world.close(100) == []
    world.tell(RunStarted(world.now, world.run))
    assert world.state.position == position
    (stop,) = world.close(90)
    assert stop.quantity == position.quantity


def test_a_stopped_run_enters_nothing_and_its_position_is_left_if_asked():
    world = entered()
    commands = world.tell(RunStopped(world.now, world.run.id, leave=True))
    assert [c.order.reason for c in commands if hasattr(c, "order")] == [Reason.RUN_STOPPED]


# --- the engine itself ----------------------------------------------------------------------------


def test_a_fact_that_cannot_have_happened_changes_nothing():
    world = World()
    (entry,) = world.close(100, 1)
    before = world.engine.snapshot()
    with pytest.raises(ValueError, match="cannot have"):
        world.fill(entry, "1.5")
    assert world.engine.snapshot() == before


@pytest.mark.parametrize(
    ("instrument", "refusal"),
    [
        (Instrument(ID, lot_step=Decimal(1000)), Refusal.BELOW_LOT_STEP),
        (Instrument(ID, min_notional=Decimal(5000)), Refusal.BELOW_MIN_NOTIONAL),
    ],
)
def test_an_entry_the_venue_would_refuse_is_refused_here_with_its_reason(instrument, refusal):
    world = World(instrument=instrument)
    assert world.close(100, 1) == []
    assert refusals(world) == [refusal]
    assert world.state.plan_id is None


moves = st.tuples(
    st.integers(90, 110), st.integers(-1, 1),
    st.sampled_from(["fill", "part", "lose", "refuse", "nothing", "again"]),
)  # fmt: skip


@given(st.lists(moves, min_size=1, max_size=14), st.data())
def test_folded_decided_again_or_restored_in_the_middle_an_engine_is_the_same(walk, data):
    world = World(INSIDE, RESTS)
    cut = data.draw(st.integers(0, len(walk) - 1))
    for at, (close, signal, answer) in enumerate(walk):
        if at == cut:
            restored = Engine()
            restored.restore(world.engine.snapshot())
            world.engine = restored
        for order in world.close(close, signal):
            follow(world, order, answer)
    decided, folded = Engine(), Engine()
    for fact in world.facts:
        folded.fold(fact)
        for command in decided.step(fact):
            folded.fold(command)
    assert same(folded) == same(decided) == same(world.engine)


def follow(world: World, order, answer: str) -> None:
    match answer:
        case "fill" | "again":
            world.fill(order, price="100", trade=f"t{order.id}")
            if answer == "again":
                world.fill(order, price="100", trade=f"t{order.id}")
        case "part":
            world.fill(order, "0.5", trade=f"t{order.id}")
        case "lose":
            world.lose(order)
        case "refuse":
            world.refuse(order)


def same(engine: Engine) -> object:
    return msgspec.json.decode(engine.snapshot())
