/* Variants without stops, simulated tile by tile, so that many variants share the work of a tile.
 *
 * 1. The position is a latch that LONG sets and SHORT resets: set[t] | (latch[t-1] & ~reset[t]).
 *    A carry propagates through an addition in the same way, so one addition computes 64 candles;
 *    the variant trades where the latch changes. In one direction only, the other signal resets.
 * 2. Between two trades the equity is linear in the close, fixed + quantity * close. So its
 *    extremes are those of the closes; closes are read one by one only if they contain a new peak.
 * 3. A trade costs a few multiplications: exit, count, size, enter.
 * 4. A short is bust at the first close at which all its cash is lost; the variant ends there.
 * The state of a variant is carried from tile to tile in its VariantState.
 */
#ifndef BOWLINE_NO_STOPS_H
#define BOWLINE_NO_STOPS_H

#include "task.h"
#include "tiles.h"

#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

typedef struct {
    double cash; /* available to entries, after the last exit; kept apart from larger amounts, so
                    that a small rest keeps all its digits */
    double safe; /* profits set aside: the strategy's, but not available to entries */
    double fixed, quantity; /* equity of the account: fixed + quantity * close */
    double notional;        /* of the entry */
    double bust_check;           /* a short may be bust at this close or above; else infinite */
    double peak, low, drawdown;
    int64_t held;
    int32_t round_trips, wins;
    uint64_t latch;  /* 1 while the latch is set: LONG, or in one direction only, in a position */
    uint64_t waiting; /* 1 until the first edge: an earlier signal causes no entry */
    uint64_t long_before, short_before; /* while waiting: the signals of the previous candle */
    int64_t edges_from; /* no edge counts before this candle */
} VariantState;

/* costs of an entry and an exit on one side, at a close of 1 */
typedef struct {
    double paid;  /* cash flow of an entry of notional 1, negative if paid */
    double units; /* signed quantity for a notional of 1 */
    double exit_position; /* cash flow of the exit from one unit */
    double bust_check; /* multiple of the entry close from which a short may be bust */
} Side;

typedef struct {
    Side sides[2]; /* by the latch's next state */
    double notional, quote, safe_share, idle;
    int two_sided, short_only, all_of_it;
} Trading;

static Trading trading_of(const Task *task)
{
    Costs costs = costs_of(task);
    Side buys = {-costs.paid_long, 1 / costs.buy, costs.exit_long, INFINITY};
    /* its cash is at least twice its notional, so a short is not bust below this */
    Side sells = {costs.got_short, -1 / costs.sell, costs.exit_short,
                  2 * costs.sell * (1 - 1e-9)};
    Trading trading = {
        .notional = costs.notional,
        .quote = task->quote,
        .safe_share = task->safe_share,
        .idle = task->idle,
        .two_sided = task->allows_long && task->allows_short,
        .short_only = !task->allows_long,
        .all_of_it = isinf(task->quote) && task->safe_share == 0,
    };
    trading.sides[1] = task->allows_long ? buys : sells;
    trading.sides[0] = sells;
    return trading;
}

static void init_variant(const Task *task, int64_t base, VariantState *state)
{
    double all = task->initial_cash;
    *state = (VariantState){.cash = task->budget, .fixed = all, .bust_check = INFINITY, .peak = all,
                       .low = all, .waiting = 1, .edges_from = task->edges_from[base]};
}

/* Mask all signals before the first edge. Afterwards the latch needs no edges: the first SHORT
 * after a LONG is always new. */
static void wait_for_edge(VariantState *state, const Tile *tile, const Trading *trading,
                          uint64_t *set,
                          uint64_t *reset)
{
    for (int64_t word = 0; word < tile->words; word++) {
        uint64_t new_set = set[word] & ~(set[word] << 1 | state->long_before);
        uint64_t new_reset = reset[word] & ~(reset[word] << 1 | state->short_before);
        uint64_t edges = trading->two_sided ? new_set | new_reset : new_set;
        int64_t undecided = state->edges_from - tile->from - word * WORD_BITS;
        if (undecided > 0)
            edges = undecided >= WORD_BITS ? 0 : edges & ~(uint64_t)0 << undecided;
        state->long_before = set[word] >> (WORD_BITS - 1);
        state->short_before = reset[word] >> (WORD_BITS - 1);
        if (edges) {
            int first = __builtin_ctzll(edges);
            set[word] &= ~(uint64_t)0 << first;
            reset[word] &= ~(uint64_t)0 << first;
            /* the previous state of the latch, so that this edge changes it */
            state->latch = !(set[word] >> first & 1);
            state->waiting = 0;
            return;
        }
        set[word] = reset[word] = 0;
    }
}

/* Step 1: the candles of the tile at which the latch changes. Returns how many. */
static inline int32_t find_trades(VariantState *state, const Tile *tile, const uint64_t *set,
                                  const uint64_t *reset, uint16_t *times)
{
    int32_t count = 0;
    uint64_t latch = state->latch;
    for (int64_t word = 0; word < tile->words; word++) {
        uint64_t generates = set[word], either = ~reset[word];
        /* the carry out of bit t of generates + either + latch is the latch after candle t */
        uint64_t sum = generates + either, carried = sum < generates;
        sum += latch;
        carried |= sum < latch;
        uint64_t into = sum ^ generates ^ either;
        uint64_t changes = into ^ (into >> 1 | carried << (WORD_BITS - 1));
        latch = carried;
        uint16_t first = (uint16_t)(word * WORD_BITS);
        int32_t found = __builtin_popcountll(changes);
        /* usually there are at most four: writing four without a branch is faster */
        uint16_t *out = times + count;
        for (int i = 0; i < 4; i++) {
            /* the highest bit keeps the argument non-zero; its result is not read */
            out[i] = first + (uint16_t)__builtin_ctzll(changes | (uint64_t)1 << (WORD_BITS - 1));
            changes &= changes - 1;
        }
        for (int i = 4; UNLIKELY(i < found); i++) {
            out[i] = first + (uint16_t)__builtin_ctzll(changes);
            changes &= changes - 1;
        }
        count += found;
    }
    state->latch = latch;
    return count;
}

static void __attribute__((noinline)) mark_each_close(const Tile *tile, VariantState *state,
                                                      int32_t a,
                                                    int32_t b)
{
    double peak = state->peak, low = state->low, drawdown = state->drawdown;
    for (int32_t t = a; t < b; t++) {
        double equity = state->fixed + state->quantity * tile->closes[t];
        if (equity > peak) {
            drawdown = larger(drawdown, (peak - low) / peak);
            peak = low = equity;
        } else {
            low = smaller(low, equity);
        }
    }
    state->peak = peak;
    state->low = low;
    state->drawdown = drawdown;
}

/* Step 2: mark the equity from candle `a` up to candle `b`; `low`, `high` are their extremes. */
static inline void mark_interval(const Tile *tile, VariantState *state, int32_t a, int32_t b,
                                 double low,
                        double high)
{
    double one = state->fixed + state->quantity * low;
    double other = state->fixed + state->quantity * high;
    if (UNLIKELY(larger(one, other) > state->peak)) {
        /* a copy, so that the state itself can stay in registers */
        VariantState copy = *state;
        mark_each_close(tile, &copy, a, b);
        *state = copy;
    } else {
        state->low = smaller(state->low, smaller(one, other));
    }
}

/* Step 4: the candle from `a` to `b`, inclusive, at which a short is bust, or -1. */
static int32_t __attribute__((noinline)) bust_at(const Tile *tile, const VariantState *state,
                                                 const Trading *trading, int32_t a, int32_t b)
{
    double own = state->safe + state->cash + trading->sides[0].paid * state->notional;
    double level = own / -state->quantity * (1 - TIE);
    for (int32_t t = a; t <= b && t < tile->length; t++)
        if (tile->closes[t] >= level)
            return t;
    return -1;
}

/* Close the open position. */
static inline void exit_position(VariantState *state, const Side *side, double close,
                                 const Trading *trading,
                         int all_of_it)
{
    double profit = side->paid * state->notional + state->quantity * (side->exit_position * close);
    state->wins += profit >= DRAW * state->notional;
    if (!all_of_it) {
        double kept = larger(profit, 0) * trading->safe_share;
        state->safe += kept;
        profit -= kept;
    }
    state->cash += profit;
}

/* Money of the account while there is no position. */
static inline double flat_equity(const VariantState *state, const Trading *trading, int all_of_it)
{
    return state->cash + (all_of_it ? trading->idle : state->safe + trading->idle);
}

static inline void set_flat(VariantState *state, const Trading *trading)
{
    state->fixed = flat_equity(state, trading, 0);
    state->quantity = 0;
    state->bust_check = INFINITY;
}

/* Step 3: open a position of the size that the sizing allows. There must be cash. */
static inline void enter_position(VariantState *state, const Side *side, const Tile *tile,
                                  int32_t t,
                         const Trading *trading, int all_of_it)
{
    double notional = state->cash * trading->notional;
    if (!all_of_it)
        notional = smaller(trading->quote, notional);
    state->fixed = flat_equity(state, trading, all_of_it) + side->paid * notional;
    state->quantity = notional * (side->units * tile->inverse[t]);
    state->notional = notional;
    state->bust_check = side->bust_check * tile->closes[t];
}

/* The next day to end: its index, and its last candle relative to the tile. */
typedef struct {
    int64_t number;
    int32_t end;
} Day;

static inline Day nth_day(const Task *task, const Tile *tile, int64_t number)
{
    int64_t end = number < task->days ? task->day_ends[number] - tile->from : TILE;
    return (Day){number, (int32_t)earlier(end, TILE)};
}

/* Record the equity at the last close of each day that ends before candle `until`. */
static inline Day record_days(const Task *task, const Tile *tile, const VariantState *state,
                              Day day,
                              int32_t until, double *daily)
{
    while (UNLIKELY(day.end < until)) {
        daily[day.number] = state->fixed + state->quantity * tile->closes[day.end];
        day = nth_day(task, tile, day.number + 1);
    }
    return day;
}

/* Close a short that is bust at candle `t`; the variant ends. */
static void __attribute__((noinline)) exit_bust(const Tile *tile, VariantState *state, int32_t a,
                                              int32_t t, const Trading *trading)
{
    mark_each_close(tile, state, a, t);
    state->held += t - a;
    state->round_trips++;
    exit_position(state, &trading->sides[0], tile->closes[t], trading, 0);
    /* the rest of the cash becomes unavailable to entries */
    state->safe += state->cash;
    state->cash = 0;
    set_flat(state, trading);
}

/* The state of the latch after the tile's first trade: trades alternate, so after an odd number of
 * them the state differs from that at the start. */
static inline int next_state(const VariantState *state, int32_t count)
{
    return (int)(state->latch ^ (uint64_t)(count & 1)) ^ 1;
}

/* One tile with every case: first entry, bust, no cash, end. */
static void __attribute__((noinline)) simulate_general(const Task *task, const Tile *tile,
                                                     const Trading *trading, VariantState *state,
                                                     const uint16_t *times, int32_t count,
                                                     double *daily)
{
    int32_t a = 0, length = (int32_t)tile->length;
    Day day = nth_day(task, tile, tile->day);
    int next = next_state(state, count);
    for (int32_t k = 0; k <= count; k++) {
        int32_t t = k < count ? times[k] : length;
        double low = INFINITY, high = -INFINITY;
        if (t > a)
            tile_range(tile, a, t, &low, &high);
        if (larger(high, tile->closes[t < length ? t : length - 1]) >= state->bust_check) {
            int32_t bust = bust_at(tile, state, trading, a, t);
            if (bust >= 0) {
                day = record_days(task, tile, state, day, bust, daily);
                exit_bust(tile, state, a, bust, trading);
                a = bust;
                k--;
                continue;
            }
        }
        day = record_days(task, tile, state, day, t, daily);
        if (t > a)
            mark_interval(tile, state, a, t, low, high);
        state->held += state->quantity != 0 ? t - a : 0;
        if (k == count)
            break;
        if (state->quantity != 0) {
            state->round_trips++;
            exit_position(state, &trading->sides[!next], tile->closes[t], trading, 0);
        }
        if ((trading->two_sided || next) && state->cash > 0)
            enter_position(state, &trading->sides[next], tile, t, trading, 0);
        else
            set_flat(state, trading);
        next = !next;
        a = t;
    }
}

/* One tile in the common case: the variant trades and is not bust. Returns 0, with the state
 * unchanged, if the general case is needed. */
static inline __attribute__((always_inline)) int
simulate_fast(const Task *task, const Tile *tile, const Trading *trading, VariantState *state,
              const uint16_t *times, int32_t count, double *daily, int two_sided, int all_of_it)
{
    VariantState now = *state;
    int32_t a = 0, length = (int32_t)tile->length;
    Day day = nth_day(task, tile, tile->day);
    int next = next_state(state, count);
    double low, high;
    for (int32_t k = 0; k < count; k++) {
        int32_t t = times[k];
        double close = tile->closes[t];
        if (t > a) {
            tile_range(tile, a, t, &low, &high);
            if (UNLIKELY(larger(high, close) >= now.bust_check))
                return 0;
            day = record_days(task, tile, &now, day, t, daily);
            mark_interval(tile, &now, a, t, low, high);
        } else if (UNLIKELY(close >= now.bust_check)) {
            return 0;
        }
        if (two_sided || !next) {
            now.held += t - a;
            now.round_trips++;
            exit_position(&now, &trading->sides[!next], close, trading, all_of_it);
        }
        if (two_sided || next) {
            if (UNLIKELY(now.cash <= 0))
                return 0;
            enter_position(&now, &trading->sides[next], tile, t, trading, all_of_it);
        } else {
            set_flat(&now, trading);
        }
        next = !next;
        a = t;
    }
    tile_range(tile, a, length, &low, &high);
    if (UNLIKELY(high >= now.bust_check))
        return 0;
    record_days(task, tile, &now, day, length, daily);
    mark_interval(tile, &now, a, length, low, high);
    now.held += two_sided || !next ? length - a : 0;
    *state = now;
    return 1;
}

/* Simulate one tile of one variant. */
static inline void simulate_tile(const Task *task, const Tile *tile, const Trading *trading,
                               VariantState *state, uint64_t *long_words, uint64_t *short_words,
                               double *daily)
{
    uint16_t times[TILE + 4];
    uint64_t *set = trading->short_only ? short_words : long_words;
    uint64_t *reset = trading->short_only ? long_words : short_words;
    int general = state->waiting || state->cash <= 0;
    if (UNLIKELY(state->waiting))
        wait_for_edge(state, tile, trading, set, reset);
    int32_t count = find_trades(state, tile, set, reset, times);
    int done = 0;
    if (UNLIKELY(general))
        ;
    else if (trading->two_sided && trading->all_of_it)
        done = simulate_fast(task, tile, trading, state, times, count, daily, 1, 1);
    else if (trading->two_sided)
        done = simulate_fast(task, tile, trading, state, times, count, daily, 1, 0);
    else
        done = simulate_fast(task, tile, trading, state, times, count, daily, 0, 0);
    if (UNLIKELY(!done))
        simulate_general(task, tile, trading, state, times, count, daily);
}

#endif
