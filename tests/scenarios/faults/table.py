"""Which test holds which fault of a venue, its clock and its data: A1 to C6, J1 to J10.

What is held here is the venue's half: the right error, the look-up that finds, the fill once, the
book that may not be believed. `GATEWAY` says what is left to whoever executes orders: it comes
with execution, and has tests of its own there.
"""

from __future__ import annotations

_REST = "tests/scenarios/faults/test_rest_faults.py"
_FEED = "tests/scenarios/faults/test_feed_faults.py"
_CANDLES = "tests/scenarios/faults/test_candle_faults.py"
_VENUE = "tests/venues/rest/test_venue.py"
_RUNNER = "tests/venues/stream/test_runner.py"
_BOOKS = "tests/venues/test_local_book.py"
_CLOCK = "tests/venues/test_clock.py"
_LIMITS = "tests/venues/test_rate_limits.py"
_BUS = "tests/runtime/bus/test_contract.py"
_STORE = "tests/storage/test_candles.py"
_FILES = "tests/storage/test_candle_files.py"

#: fault -> module and names of test functions
TESTS: dict[str, tuple[tuple[str, str], ...]] = {
    "A1": ((_REST, "test_a01_response_lost_after_accept"),),
    "A2": (
        (_REST, "test_a02_request_lost_before_accept"),
        (_VENUE, "test_an_order_that_was_never_sent_is_no_doubt"),
    ),
    "A3": ((_REST, "test_a03_response_lost_and_filled_before_the_look_up"),),
    "A4": (
        (_REST, "test_a04_server_errors_say_nothing_of_an_order"),
        (_REST, "test_a04_codes_that_say_that_nobody_knows"),
        (_VENUE, "test_silence_after_an_order_was_sent_is_doubt_and_nothing_is_sent_again"),
    ),
    "A5": (
        (_VENUE, "test_a_429_stops_entries_and_leaves_the_way_out_open"),
        (_LIMITS, "test_after_a_429_only_the_way_out_is_open_until_the_moment_named"),
        (_LIMITS, "test_a_ban_stops_everything_and_every_market"),
    ),
    "A6": ((_REST, "test_a06_a_refusal_inside_a_reply_that_says_yes_is_a_refusal"),),
    "A7": ((_REST, "test_a07_an_order_that_was_cancelled_and_not_replaced_is_told_as_such"),),
    "A8": ((_REST, "test_a08_a_cancel_after_the_fill_is_refused_and_the_fill_is_found"),),
    "A9": ((_REST, "test_a09_a_cancel_without_an_answer_is_doubt_until_looked_up"),),
    "A10": ((_REST, "test_a10_taken_and_then_rejected"),),
    "A11": ((_REST, "test_a11_a_look_up_that_finds_nothing_yet_is_no_verdict"),),
    "A12": (
        (_REST, "test_a12_long_lists_come_whole_and_each_thing_once"),
        (_VENUE, "test_a_full_page_of_fills_is_never_believed"),
        (_VENUE, "test_every_page_of_open_orders_is_read"),
    ),
    "A13": (
        (_REST, "test_a13_an_order_that_the_venue_no_longer_tells_of_is_not_called_cancelled"),
    ),
    "A14": (
        (_REST, "test_a14_an_answer_that_cannot_be_read_is_doubt"),
        (_REST, "test_a14_an_answer_without_end_is_not_read_to_its_end"),
        ("tests/venues/htx/test_feed_codec.py", "test_a_bomb_or_a_torn_frame_is_unreadable"),
    ),
    "A15": (
        (_REST, "test_a15_a_word_that_nobody_knows_is_an_unknown_state"),
        (_REST, "test_a15_a_new_field_changes_nothing_and_a_missing_number_is_never_a_nought"),
    ),
    "A16": (
        (_REST, "test_a16_a_no_is_final_and_is_asked_for_once"),
        (_REST, "test_a16_a_post_only_order_that_would_take_never_fills"),
    ),
    "A17": ((_REST, "test_a17_a_halted_instrument_takes_nothing_and_new_steps_are_seen"),),
    "A18": ((_REST, "test_a18_modes_changed_elsewhere_are_seen_and_a_mismatch_enters_nothing"),),
    "A19": ((_REST, "test_a19_maintenance_refuses_or_leaves_doubt_and_ends"),),
    "A20": ((_REST, "test_a20_a_revoked_key_is_refused_for_good"),),
    "A21": (
        (_REST, "test_a21_an_id_that_is_used_again_makes_two_orders_and_both_are_told"),
        (_REST, "test_a21_an_id_that_is_known_is_doubt_and_the_look_up_finds_the_first"),
    ),
    "A22": (
        (_VENUE, "test_an_order_that_was_never_sent_is_no_doubt"),
        (_VENUE, "test_a_read_that_fails_is_asked_again_and_is_never_doubt"),
    ),
    "A23": ((_REST, "test_a23_an_older_answer_does_not_take_a_position_back"),),
    "B1": (
        (_FEED, "test_b01_a_connection_lost_in_a_burst_of_fills_loses_none_and_doubles_none"),
        (_RUNNER, "test_b1_a_lost_connection_is_followed_by_another_and_books_are_doubted_at_once"),
    ),
    "B2": (
        (_RUNNER, "test_b2_a_frozen_stream_whose_pings_are_answered_is_dead_within_half_a_minute"),
    ),
    "B3": ((_FEED, "test_b03_what_is_told_again_after_a_reconnect_is_no_news"),),
    "B4": ((_FEED, "test_b04_frames_in_any_order_end_in_the_same_account"),),
    "B5": ((_FEED, "test_b05_a_fill_of_somebody_elses_order_is_told_as_such"),),
    "B6": ((_FEED, "test_b06_a_stream_that_says_nothing_is_found_and_opened_anew"),),
    "B7": (
        (_RUNNER, "test_b7_a_gap_doubts_one_book_and_asks_for_one_start"),
        (_BOOKS, "test_b7_a_gap_is_never_served_and_asks_once"),
        (_BOOKS, "test_b7_a_checksum_that_differs_is_never_served_and_asks_once"),
    ),
    "B8": ((_BOOKS, "test_b8_a_book_that_no_market_can_have_is_never_served_and_asks_once"),),
    "B9": (
        (_BOOKS, "test_b9_a_snapshot_older_than_the_changes_is_asked_for_again"),
        (_BOOKS, "test_b9_a_snapshot_newer_than_all_changes_waits_for_one_that_joins"),
    ),
    "B10": (
        (_RUNNER, "test_b10_one_refused_topic_of_many_is_told_and_asked_for_again_later"),
        (_RUNNER, "test_b10_a_topic_acknowledged_and_never_served_is_found"),
    ),
    "B11": (
        (_BUS, "test_a_latest_per_key_topic_delivers_the_newest_of_each_key"),
        (_BUS, "test_a_full_topic_refuses_the_publisher_and_drops_nothing"),
    ),
    "B12": (
        (_RUNNER, "test_b12_an_old_connection_is_relieved_without_a_hole"),
        (_RUNNER, "test_b12_a_successor_that_cannot_come_leaves_the_present_one_alone"),
    ),
    "B13": (
        (_FEED, "test_b13_venues_that_fall_together_and_return_in_any_order_are_all_heard_again"),
    ),
    "B14": (
        (_FEED, "test_b14_an_order_that_filled_and_whose_fills_are_missing_is_owed_them"),
    ),
    "B15": ((_RUNNER, "test_b15_an_unreachable_venue_is_not_stormed"),),
    "C1": (
        (_CLOCK, "test_a_jump_of_the_local_clock_is_seen_and_does_not_move_the_venues_time"),
        (_CLOCK, "test_slow_answers_leave_too_much_doubt_to_trade"),
    ),
    "C2": (
        (_REST, "test_c02_a_request_outside_the_window_was_not_carried_out_and_the_clock_is_set"),
        (_VENUE, "test_a_refused_time_stamp_is_definite_and_measured_anew"),
    ),
    "C3": ((_CLOCK, "test_a_sleep_that_the_monotonic_clock_missed_is_seen"),),
    "C4": ((_FILES, "test_years_of_days_and_leap_days_stay_aligned"),),
    "C5": ((_REST, "test_c05_a_candle_is_closed_by_the_venues_clock_and_not_by_ours"),),
    "C6": ((_LIMITS, "test_who_waits_looks_again_before_it_goes"),),
    "J1": (
        (_CANDLES, "test_j01_a_missing_minute_is_marked_missing_and_not_invented"),
        (_STORE, "test_coverage_and_gaps_say_what_is_there_and_what_is_missing"),
    ),
    "J2": (
        (_CANDLES, "test_j02_late_and_repeated_candles_are_one_each_in_order"),
        (_STORE, "test_order_and_repetition_of_arrivals_change_nothing"),
    ),
    "J3": (
        (_CANDLES, "test_j03_a_restated_candle_takes_the_place_of_the_first"),
        (_STORE, "test_raw_keeps_every_arrival_and_canonical_is_made_by_the_database"),
    ),
    "J4": ((_CANDLES, "test_j04_a_forming_candle_is_never_kept"),),
    "J5": ((_CANDLES, "test_j05_what_no_market_can_have_goes_to_quarantine"),),
    "J6": (
        (_BOOKS, "test_a_quiet_stream_is_not_believed_for_ever"),
        (_RUNNER, "test_b2_a_frozen_stream_whose_pings_are_answered_is_dead_within_half_a_minute"),
    ),
    "J7": (
        (_CANDLES, "test_j07_a_symbol_is_the_one_that_is_listed_in_units_of_its_own_contract"),
        (_VENUE, "test_the_same_quantity_reaches_every_venue_in_its_own_units"),
    ),
    "J8": ((_CANDLES, "test_j08_an_invalid_number_is_never_a_value"),),
    "J9": (
        (_CANDLES, "test_j09_a_wick_of_ninety_percent_goes_to_quarantine"),
        (_FILES, "test_a_real_flash_crash_is_read_when_jumps_are_allowed"),
    ),
    "J10": (
        ("tests/core/test_rollup.py", "test_a_bucket_with_one_minute_missing_is_not_published"),
    ),
}  # fmt: skip

#: fault -> what comes with execution
GATEWAY: dict[str, str] = {
    "A1": "no second order before the fence",
    "A2": "sent again under a new id after the fence, once",
    "A3": "the position is the run's at once",
    "A4": "as A1",
    "A5": "entries are dropped, not kept until they are stale",
    "A7": "a position that lost its stop is found and protected",
    "A8": "a race, no error",
    "A9": "what may still be open counts as exposure",
    "A10": "taken is not accepted",
    "A11": "no verdict before the fence",
    "A13": "the journal knows what the venue forgot",
    "A16": "the strategy is told once",
    "A17": "exits are fitted to new steps",
    "A18": "no entry on a mismatch",
    "A19": "the queue is empty when it opens again",
    "A20": "entries halt, and a person is called",
    "A21": "ids are never used again",
    "B1": "a run books each fill once",
    "B2": "no order is decided on old data",
    "B5": "positions that are nobody's count as risk",
    "B6": "no entry while the account is deaf",
    "B8": "no decision on such a book",
    "B11": "execution halts entries when it falls behind",
    "B13": "no order twice",
    "B14": "no profit is booked from a guess",
    "C1": "entries halt beyond a second of doubt",
    "C3": "first reconcile, then trade",
    "C6": "an intent that came too late is not sent",
    "J3": "what was acted on is not acted on again",
    "J6": "a price that stands still while others move halts entries",
    "J8": "a macro source that is silent or odd means caution; none is read yet",
    "J9": "price collars and a bound on slippage",
}
