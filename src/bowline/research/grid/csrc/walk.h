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
    double cash; /* what an entry could use at the last exit: never mixed with larger money, so that
                    what little is left of a small budget keeps all its digits */
    double safe; /* of the strategy too, but no entry may use it: profits set aside */
    double fixed, quantity; /* equity of the account: fixed + quantity * close */
    double notional;        /* of the entry */
    double alarm;           /* a short may be bust from this close on; else infinite */
    double peak, low, drawdown;
    int64_t held;
    int32_t round_trips, wins;
    uint64_t latch;  /* 1 while the latch is set: LONG, or in one direction only, in a position */
    uint64_t waiting; /* 1 until the first edge: a signal that was there before is no entry */
    uint64_t long_before, short_before; /* while waiting: the signals of the candle before */
    int64_t edges_from; /* no edge counts before this candle */
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
    double notional, quote, safe_share, idle;
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
        .idle = task->idle,
        .two_sided = task->allows_long && task->allows_short,
        .short_only = !task->allows_long,
        .all_of_it = isinf(task->quote) && task->safe_share == 0,
    };
    manner.sides[1] = task->allows_long ? buys : sells;
    manner.sides[0] = sells;
    return manner;
}

static void begin_walk(const Task *task, int64_t base, Walker *walker)
{
    double all = task->initial_cash;
    *walker = (Walker){.cash = task->budget, .fixed = all, .alarm = INFINITY, .peak = all,
                       .low = all, .waiting = 1, .edges_from = task->edges_from[base]};
}

/* Until the first edge, let no signal through. Afterwards the latch can do without edges: the
 * first SHORT after a LONG is always new. */
static void wait_for_edge(Walker *walker, const Tile *tile, const Manner *manner, uint64_t *set,
                          uint64_t *reset)
{
    for (int64_t word = 0; word < tile->words; word++) {
        uint64_t new_set = set[word] & ~(set[word] << 1 | walker->long_before);
        uint64_t new_reset = reset[word] & ~(reset[word] << 1 | walker->short_before);
        uint64_t edges = manner->two_sided ? new_set | new_reset : new_set;
        int64_t undecided = walker->edges_from - tile->from - word * WORD_BITS;
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
            /* the highest bit is only there so that there is one: nobody reads what it gives */
            out[i] = first + (uint16_t)__builtin_ctzll(changes | (uint64_t)1 << (WORD_BITS - 1));
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
    if (RARELY(larger(one, other) > walker->peak)) {
        /* a copy, so that the walker itself can stay in registers */
        Walker copy = *walker;
        walk_in_order(tile, &copy, a, b);
        *walker = copy;
    } else {
        walker->low = smaller(walker->low, smaller(one, other));
    }
}

/* Step 4. From candle `a` to `b`, both counted: where a short is bust, or -1. */
static int32_t __attribute__((noinline)) bust_at(const Tile *tile, const Walker *walker,
                                                 const Manner *manner, int32_t a, int32_t b)
{
    double own = walker->safe + walker->cash + manner->sides[0].paid * walker->notional;
    double level = own / -walker->quantity * (1 - TIE);
    for (int32_t t = a; t <= b && t < tile->length; t++)
        if (tile->closes[t] >= level)
            return t;
    return -1;
}

/* Leave the open position. */
static inline void leave(Walker *walker, const Side *side, double close, const Manner *manner,
                         int all_of_it)
{
    double profit = side->paid * walker->notional + walker->quantity * (side->leave * close);
    walker->wins += profit >= DRAW * walker->notional;
    if (!all_of_it) {
        double kept = larger(profit, 0) * manner->safe_share;
        walker->safe += kept;
        profit -= kept;
    }
    walker->cash += profit;
}

/* Money of the account while there is no position. */
static inline double at_rest(const Walker *walker, const Manner *manner, int all_of_it)
{
    return walker->cash + (all_of_it ? manner->idle : walker->safe + manner->idle);
}

static inline void stay_flat(Walker *walker, const Manner *manner)
{
    walker->fixed = at_rest(walker, manner, 0);
    walker->quantity = 0;
    walker->alarm = INFINITY;
}

/* Step 3: enter with what the sizing allows. There must be cash. */
static inline void enter(Walker *walker, const Side *side, const Tile *tile, int32_t t,
                         const Manner *manner, int all_of_it)
{
    double notional = walker->cash * manner->notional;
    if (!all_of_it)
        notional = smaller(manner->quote, notional);
    walker->fixed = at_rest(walker, manner, all_of_it) + side->paid * notional;
    walker->quantity = notional * (side->units * tile->inverse[t]);
    walker->notional = notional;
    walker->alarm = side->alarm * tile->closes[t];
}

/* Days that end in a tile: the next one, and its last candle counted from the tile's first. */
typedef struct {
    int64_t number;
    int32_t end;
} Day;

static inline Day nth_day(const Task *task, const Tile *tile, int64_t number)
{
    int64_t end = number < task->days ? task->day_ends[number] - tile->from : TILE;
    return (Day){number, (int32_t)earlier(end, TILE)};
}

/* The equity at the last closes of days before candle `until`. */
static inline Day record_days(const Task *task, const Tile *tile, const Walker *walker, Day day,
                              int32_t until, double *daily)
{
    while (RARELY(day.end < until)) {
        daily[day.number] = walker->fixed + walker->quantity * tile->closes[day.end];
        day = nth_day(task, tile, day.number + 1);
    }
    return day;
}

/* A short that is bust at candle `t` ends here. */
static void __attribute__((noinline)) go_bust(const Tile *tile, Walker *walker, int32_t a,
                                              int32_t t, const Manner *manner)
{
    walk_in_order(tile, walker, a, t);
    walker->held += t - a;
    walker->round_trips++;
    leave(walker, &manner->sides[0], tile->closes[t], manner, 0);
    /* whatever rounding and what was set aside leave of it, no entry may use it */
    walker->safe += walker->cash;
    walker->cash = 0;
    stay_flat(walker, manner);
}

/* The state of the latch after the first of the tile's trades: they alternate, so an odd number
 * of them ends in another state than it began in. */
static inline int next_state(const Walker *walker, int32_t count)
{
    return (int)(walker->latch ^ (uint64_t)(count & 1)) ^ 1;
}

/* One tile with all that can happen: the first entry, bust, no money, the end. */
static void __attribute__((noinline)) walk_with_care(const Task *task, const Tile *tile,
                                                     const Manner *manner, Walker *walker,
                                                     const uint16_t *times, int32_t count,
                                                     double *daily)
{
    int32_t a = 0, length = (int32_t)tile->length;
    Day day = nth_day(task, tile, tile->day);
    int next = next_state(walker, count);
    for (int32_t k = 0; k <= count; k++) {
        int32_t t = k < count ? times[k] : length;
        double low = INFINITY, high = -INFINITY;
        if (t > a)
            tile_range(tile, a, t, &low, &high);
        if (larger(high, tile->closes[t < length ? t : length - 1]) >= walker->alarm) {
            int32_t bust = bust_at(tile, walker, manner, a, t);
            if (bust >= 0) {
                day = record_days(task, tile, walker, day, bust, daily);
                go_bust(tile, walker, a, bust, manner);
                a = bust;
                k--;
                continue;
            }
        }
        day = record_days(task, tile, walker, day, t, daily);
        if (t > a)
            pass(tile, walker, a, t, low, high);
        walker->held += walker->quantity != 0 ? t - a : 0;
        if (k == count)
            break;
        if (walker->quantity != 0) {
            walker->round_trips++;
            leave(walker, &manner->sides[!next], tile->closes[t], manner, 0);
        }
        if ((manner->two_sided || next) && walker->cash > 0)
            enter(walker, &manner->sides[next], tile, t, manner, 0);
        else
            stay_flat(walker, manner);
        next = !next;
        a = t;
    }
}

/* One tile of a variant that trades and trades: most of the work. Returns 0, with the walker as it
 * was, if something happens that wants care. */
static inline __attribute__((always_inline)) int
walk_at_speed(const Task *task, const Tile *tile, const Manner *manner, Walker *walker,
              const uint16_t *times, int32_t count, double *daily, int two_sided, int all_of_it)
{
    Walker now = *walker;
    int32_t a = 0, length = (int32_t)tile->length;
    Day day = nth_day(task, tile, tile->day);
    int next = next_state(walker, count);
    double low, high;
    for (int32_t k = 0; k < count; k++) {
        int32_t t = times[k];
        double close = tile->closes[t];
        if (t > a) {
            tile_range(tile, a, t, &low, &high);
            if (RARELY(larger(high, close) >= now.alarm))
                return 0;
            day = record_days(task, tile, &now, day, t, daily);
            pass(tile, &now, a, t, low, high);
        } else if (RARELY(close >= now.alarm)) {
            return 0;
        }
        if (two_sided || !next) {
            now.held += t - a;
            now.round_trips++;
            leave(&now, &manner->sides[!next], close, manner, all_of_it);
        }
        if (two_sided || next) {
            if (RARELY(now.cash <= 0))
                return 0;
            enter(&now, &manner->sides[next], tile, t, manner, all_of_it);
        } else {
            stay_flat(&now, manner);
        }
        next = !next;
        a = t;
    }
    tile_range(tile, a, length, &low, &high);
    if (RARELY(high >= now.alarm))
        return 0;
    record_days(task, tile, &now, day, length, daily);
    pass(tile, &now, a, length, low, high);
    now.held += two_sided || !next ? length - a : 0;
    *walker = now;
    return 1;
}

/* One tile of one variant: trades, and what they make of it. */
static inline void step_walker(const Task *task, const Tile *tile, const Manner *manner,
                               Walker *walker, uint64_t *long_words, uint64_t *short_words,
                               double *daily)
{
    uint16_t times[TILE + 4];
    uint64_t *set = manner->short_only ? short_words : long_words;
    uint64_t *reset = manner->short_only ? long_words : short_words;
    int careful = walker->waiting || walker->cash <= 0;
    if (RARELY(walker->waiting))
        wait_for_edge(walker, tile, manner, set, reset);
    int32_t count = find_trades(walker, tile, set, reset, times);
    int done = 0;
    if (RARELY(careful))
        ;
    else if (manner->two_sided && manner->all_of_it)
        done = walk_at_speed(task, tile, manner, walker, times, count, daily, 1, 1);
    else if (manner->two_sided)
        done = walk_at_speed(task, tile, manner, walker, times, count, daily, 1, 0);
    else
        done = walk_at_speed(task, tile, manner, walker, times, count, daily, 0, 0);
    if (RARELY(!done))
        walk_with_care(task, tile, manner, walker, times, count, daily);
}

#endif
