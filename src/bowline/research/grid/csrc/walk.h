/* A variant without stops, tile after tile: many variants share what is prepared for a tile.
 *
 * 1. What it holds is a latch that LONG sets and SHORT resets: set[t] | (latch[t-1] & ~reset[t]).
 *    That is how a carry runs through an addition, so one addition makes 64 candles of it; where
 *    it changes, the variant trades. In one direction only, the other signal just resets.
 * 2. Between two trades the equity is a line in the close, fixed + quantity * close: its extremes
 *    are those of the closes; only where a new peak falls inside are they read in order.
 * 3. A trade costs a few multiplications: leave, count, size, enter.
 * 4. A short whose close reaches the price at which all its cash is gone is bust, and ends it all.
 * What a variant is worth and owes is carried from tile to tile in its Walker.
 */
#ifndef BOWLINE_WALK_H
#define BOWLINE_WALK_H

#include "task.h"
#include "tiles.h"

#define RARELY(condition) __builtin_expect(!!(condition), 0)

typedef struct {
    double cash;     /* of the account at the last exit */
    double reserved; /* no entry may use it: idle beside the budget, or set aside */
    double fixed, quantity; /* equity: fixed + quantity * close */
    double notional;        /* of the entry */
    double alarm;           /* a short may be bust from this close on; else infinite */
    double peak, low, drawdown;
    int64_t held;
    int32_t round_trips, wins;
    uint64_t latch;  /* 1 while the latch is set: LONG, or in one direction only, in a position */
    uint64_t waiting; /* 1 until the first edge: a signal that was there before is no entry */
    uint64_t long_before, short_before; /* while waiting: the signals of the candle before */
} Walker;

/* what an entry and the exit from it cost on one side, at a close of 1 */
typedef struct {
    double paid;  /* cash for a notional of 1, negative if it is paid */
    double units; /* signed quantity for a notional of 1 */
    double leave; /* cash for one unit at the exit */
    double alarm; /* rise of the close that may make a short bust */
} Side;

typedef struct {
    Side sides[2]; /* by the latch's next state */
    double notional, quote, safe_share;
    int two_sided, short_only, all_of_it;
} Manner;

static Manner manner_of(const Task *task)
{
    Costs costs = costs_of(task);
    Side buys = {-costs.paid_long, 1 / costs.buy, costs.leave_long, INFINITY};
    /* its own cash is at least twice the notional of a short, so it is not bust before this */
    Side sells = {costs.got_short, -1 / costs.sell, costs.leave_short,
                  2 * costs.sell * (1 - 1e-9)};
    Manner manner = {
        .notional = costs.notional,
        .quote = task->quote,
        .safe_share = task->safe_share,
        .two_sided = task->allows_long && task->allows_short,
        .short_only = !task->allows_long,
        .all_of_it = isinf(task->quote) && task->safe_share == 0,
    };
    manner.sides[1] = task->allows_long ? buys : sells;
    manner.sides[0] = sells;
    return manner;
}

static void begin_walk(const Task *task, Walker *walker)
{
    double cash = task->initial_cash;
    *walker = (Walker){.cash = cash, .reserved = task->idle, .fixed = cash, .notional = INFINITY,
                       .alarm = INFINITY, .peak = cash, .low = cash, .waiting = 1};
}

/* Until the first edge, let no signal through. Afterwards the latch can do without edges: the
 * first SHORT after a LONG is always new. */
static void wait_for_edge(const Task *task, Walker *walker, const Tile *tile, const Manner *manner,
                          uint64_t *set, uint64_t *reset)
{
    for (int64_t word = 0; word < tile->words; word++) {
        uint64_t new_set = set[word] & ~(set[word] << 1 | walker->long_before);
        uint64_t new_reset = reset[word] & ~(reset[word] << 1 | walker->short_before);
        uint64_t edges = manner->two_sided ? new_set | new_reset : new_set;
        int64_t undecided = task->start - tile->from - word * WORD_BITS;
        if (undecided > 0)
            edges = undecided >= WORD_BITS ? 0 : edges & ~(uint64_t)0 << undecided;
        walker->long_before = set[word] >> (WORD_BITS - 1);
        walker->short_before = reset[word] >> (WORD_BITS - 1);
        if (edges) {
            int first = __builtin_ctzll(edges);
            set[word] &= ~(uint64_t)0 << first;
            reset[word] &= ~(uint64_t)0 << first;
            /* the latch as it must have been for this edge to change it */
            walker->latch = !(set[word] >> first & 1);
            walker->waiting = 0;
            return;
        }
        set[word] = reset[word] = 0;
    }
}

/* Step 1: the candles of the tile at which the latch changes. Returns how many. */
static inline int32_t find_trades(Walker *walker, const Tile *tile, const uint64_t *set,
                                  const uint64_t *reset, uint16_t *times)
{
    int32_t count = 0;
    uint64_t latch = walker->latch;
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
        /* mostly there are few: to write four without a question is faster than to ask */
        uint16_t *out = times + count;
        for (int i = 0; i < 4; i++) {
            out[i] = first + (uint16_t)(changes ? __builtin_ctzll(changes) : 0);
            changes &= changes - 1;
        }
        for (int i = 4; RARELY(i < found); i++) {
            out[i] = first + (uint16_t)__builtin_ctzll(changes);
            changes &= changes - 1;
        }
        count += found;
    }
    walker->latch = latch;
    return count;
}

static void __attribute__((noinline)) walk_in_order(const Tile *tile, Walker *walker, int32_t a,
                                                    int32_t b)
{
    double peak = walker->peak, low = walker->low, drawdown = walker->drawdown;
    for (int32_t t = a; t < b; t++) {
        double equity = walker->fixed + walker->quantity * tile->closes[t];
        if (equity > peak) {
            drawdown = larger(drawdown, (peak - low) / peak);
            peak = low = equity;
        } else {
            low = smaller(low, equity);
        }
    }
    walker->peak = peak;
    walker->low = low;
    walker->drawdown = drawdown;
}

/* Step 2: the equity from candle `a` up to candle `b`, whose extremes are `low` and `high`. */
static inline void pass(const Tile *tile, Walker *walker, int32_t a, int32_t b, double low,
                        double high)
{
    double one = walker->fixed + walker->quantity * low;
    double other = walker->fixed + walker->quantity * high;
    if (RARELY(larger(one, other) > walker->peak))
        walk_in_order(tile, walker, a, b);
    else
        walker->low = smaller(walker->low, smaller(one, other));
    walker->held += walker->quantity != 0 ? b - a : 0;
}

/* Step 4. From candle `a` to `b`, both counted: where a short is bust, or -1. */
static int32_t __attribute__((noinline)) bust_at(const Task *task, const Tile *tile,
                                                 const Walker *walker, int32_t a, int32_t b)
{
    double level = (walker->fixed - task->idle) / -walker->quantity * (1 - TIE);
    for (int32_t t = a; t <= b && t < tile->length; t++)
        if (tile->closes[t] >= level)
            return t;
    return -1;
}

static inline void leave(Walker *walker, const Side *side, double close, const Manner *manner,
                         int all_of_it)
{
    double cash = walker->fixed + walker->quantity * (side->leave * close);
    double profit = cash - walker->cash;
    walker->round_trips += walker->quantity != 0;
    walker->wins += profit >= DRAW * walker->notional;
    if (!all_of_it)
        walker->reserved += larger(profit, 0) * manner->safe_share;
    walker->cash = cash;
}

static inline void stay_flat(Walker *walker)
{
    walker->fixed = walker->cash;
    walker->quantity = 0;
    walker->notional = walker->alarm = INFINITY;
}

/* Step 3: enter with what the sizing allows; without money, never again. */
static inline void enter(Walker *walker, const Side *side, const Tile *tile, int32_t t,
                         const Manner *manner, int all_of_it)
{
    double available = walker->cash - walker->reserved;
    if (RARELY(available <= 0)) {
        stay_flat(walker);
        return;
    }
    double notional = available * manner->notional;
    if (!all_of_it)
        notional = smaller(manner->quote, notional);
    walker->fixed = walker->cash + side->paid * notional;
    walker->quantity = notional * (side->units * tile->inverse[t]);
    walker->notional = notional;
    walker->alarm = side->alarm * tile->closes[t];
}

/* The equity at the last closes of days before candle `until`; returns the next day. */
static inline int64_t record_days(const Task *task, const Tile *tile, const Walker *walker,
                                  int64_t day, int32_t until, double *daily)
{
    for (; day < task->days && task->day_ends[day] - tile->from < until; day++)
        daily[day] = walker->fixed + walker->quantity * task->closes[task->day_ends[day]];
    return day;
}

/* A short that is bust at candle `t` ends here. */
static void __attribute__((noinline)) go_bust(const Tile *tile, Walker *walker, int32_t a,
                                              int32_t t, const Manner *manner)
{
    if (t > a) {
        walk_in_order(tile, walker, a, t);
        walker->held += t - a;
    }
    leave(walker, &manner->sides[0], tile->closes[t], manner, 0);
    walker->reserved = INFINITY;
    stay_flat(walker);
}

static inline __attribute__((always_inline)) void
walk_tile(const Task *task, const Tile *tile, const Manner *manner, Walker *kept,
          const uint16_t *times, int32_t count, double *daily, int two_sided, int all_of_it)
{
    Walker now = *kept;
    int32_t a = 0, length = (int32_t)tile->length;
    int64_t day = tile->day;
    /* trades alternate: an odd number of them ends in another state than it began in */
    int next = (int)(now.latch ^ (uint64_t)(count & 1)) ^ 1;
    for (int32_t k = 0; k <= count; k++) {
        int32_t t = k < count ? times[k] : length;
        double low = INFINITY, high = -INFINITY;
        if (t > a)
            tile_range(tile, a, t, &low, &high);
        if (RARELY(larger(high, tile->closes[t < length ? t : length - 1]) >= now.alarm)) {
            int32_t bust = bust_at(task, tile, &now, a, t);
            if (bust >= 0) {
                day = record_days(task, tile, &now, day, bust, daily);
                go_bust(tile, &now, a, bust, manner);
                a = bust;
                k--;
                continue;
            }
        }
        day = record_days(task, tile, &now, day, t, daily);
        if (t > a)
            pass(tile, &now, a, t, low, high);
        if (k == count)
            break;
        leave(&now, &manner->sides[!next], tile->closes[t], manner, all_of_it);
        if (two_sided || next)
            enter(&now, &manner->sides[next], tile, t, manner, all_of_it);
        else
            stay_flat(&now);
        next = !next;
        a = t;
    }
    *kept = now;
}

/* One tile of one variant: trades, and what they make of it. */
static inline void step_walker(const Task *task, const Tile *tile, const Manner *manner,
                               Walker *walker, uint64_t *long_words, uint64_t *short_words,
                               double *daily)
{
    uint16_t times[TILE + 4];
    uint64_t *set = manner->short_only ? short_words : long_words;
    uint64_t *reset = manner->short_only ? long_words : short_words;
    if (RARELY(walker->waiting))
        wait_for_edge(task, walker, tile, manner, set, reset);
    int32_t count = find_trades(walker, tile, set, reset, times);
    if (manner->two_sided && manner->all_of_it)
        walk_tile(task, tile, manner, walker, times, count, daily, 1, 1);
    else if (manner->two_sided)
        walk_tile(task, tile, manner, walker, times, count, daily, 1, 0);
    else
        walk_tile(task, tile, manner, walker, times, count, daily, 0, 0);
}

#endif
