/* One base signal with many pairs of stops: one lane per pair.
 *
 * All lanes have the same edges, so what depends on the edge alone is computed once:
 * 1. An edge opens a position in every lane that is flat (or exits the other side) at its close.
 *    Its latest end, `until`, is the next edge against it.
 * 2. For each distinct stop, tightest first, find the first close beyond it; a wider stop cannot be
 *    reached earlier, so each search begins where the one before ended. A lane exits at the
 *    earliest of its stop loss, its take profit and `until`.
 * 3. Within a round trip the equity is linear in the close, fixed + quantity * close. So its
 *    extremes are those of the closes; closes are read one by one only if they contain a new peak.
 * 4. A short is bust at the first close at which all its cash is lost; the lane ends there.
 * 5. Between two edges, each lane's equity is recorded at the last close of a day.
 * The loops over lanes have no branches in the common case, so that they vectorize; counts are
 * doubles there, which stay exact and have the width of the other columns.
 */
#ifndef BOWLINE_LANES_H
#define BOWLINE_LANES_H

#include "edges.h"
#include "ranges.h"
#include "task.h"

typedef struct {
    int64_t count;
    double *cash; /* available to entries, after the last exit; kept apart from larger amounts, as
                     in no_stops.h */
    double *safe; /* profits set aside: the strategy's, but not available to entries */
    double *fixed, *quantity; /* equity of the account: fixed + quantity * close, if in a position */
    double *free_from;        /* the first candle at which an edge can enter; half a candle later if
                                 no entry may follow a stop at the same close */
    double *peak, *low, *drawdown;
    double *held, *round_trips, *wins;
    /* for the current edge: the exit of each lane, and the extremes of the closes until then */
    double *exit_at, *entry_delay, *exit_close, *lowest, *highest;
    double *bust; /* 1 if it exits because it is bust */
    double *daily; /* one row of `count` equities per day */
} Lanes;

/* an exit: its candle (the number of candles: never), and the extremes of the closes before it */
typedef struct {
    int64_t at;
    Range range;
} Exit;

#define LANE_COLUMNS 17

/* the columns do not overlap, so lanes are independent */
#if defined(__clang__)
#define LANES_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define LANES_INDEPENDENT _Pragma("GCC ivdep")
#endif

static int make_lanes(const Task *task, Lanes *lanes)
{
    int64_t count = task->lanes;
    double *memory = malloc((size_t)(count * (LANE_COLUMNS + task->days)) * sizeof *memory);
    if (!memory)
        return 0;
    *lanes = (Lanes){.count = count};
    double **columns[LANE_COLUMNS] = {
        &lanes->cash, &lanes->safe, &lanes->fixed, &lanes->quantity, &lanes->free_from,
        &lanes->peak, &lanes->low, &lanes->drawdown, &lanes->held, &lanes->round_trips,
        &lanes->wins, &lanes->exit_at, &lanes->entry_delay, &lanes->exit_close, &lanes->lowest,
        &lanes->highest, &lanes->bust,
    };
    for (int column = 0; column < LANE_COLUMNS; column++)
        *columns[column] = memory + column * count;
    lanes->daily = memory + LANE_COLUMNS * count;
    return 1;
}

static void free_lanes(Lanes *lanes) { free(lanes->cash); }

static void reset_lanes(const Task *task, Lanes *lanes)
{
    memset(lanes->cash, 0, (size_t)(lanes->count * LANE_COLUMNS) * sizeof *lanes->cash);
    for (int64_t j = 0; j < lanes->count; j++) {
        lanes->peak[j] = lanes->low[j] = task->initial_cash;
        lanes->cash[j] = task->budget;
        lanes->free_from[j] = -1;
    }
}

/* Money of the account while there is no position. */
static inline double flat_equity_of(const Task *task, const Lanes *lanes, int64_t j)
{
    return lanes->cash[j] + (lanes->safe[j] + task->idle);
}

/* Mark one equity; must be called in the order of time. */
static inline void mark(Lanes *lanes, int64_t j, double equity)
{
    if (equity > lanes->peak[j]) {
        double depth = (lanes->peak[j] - lanes->low[j]) / lanes->peak[j];
        lanes->drawdown[j] = larger(lanes->drawdown[j], depth);
        lanes->peak[j] = lanes->low[j] = equity;
    } else {
        lanes->low[j] = smaller(lanes->low[j], equity);
    }
}

static void mark_in_order(const Task *task, Lanes *lanes, int64_t j, int64_t from, int64_t to)
{
    for (int64_t t = from; t < to; t++)
        mark(lanes, j, lanes->fixed[j] + lanes->quantity[j] * task->closes[t]);
}

/* The lanes' equity at a day's last close, after the decisions at that close. */
static void record_day(const Task *task, Lanes *lanes, int64_t day)
{
    double *restrict row = lanes->daily + day * lanes->count;
    double close = task->closes[task->day_ends[day]], t = (double)task->day_ends[day] + 0.5;
    for (int64_t j = 0; j < lanes->count; j++) {
        double open = lanes->fixed[j] + lanes->quantity[j] * close;
        row[j] = t < lanes->free_from[j] ? open : flat_equity_of(task, lanes, j);
    }
}

static inline int64_t first_beyond(const Task *task, int64_t from, int64_t to, double level,
                                   int below)
{
    return below ? first_at_or_below(task, from, to, level)
                 : first_at_or_above(task, from, to, level);
}

/* Step 2 for the stop losses or the take profits of one edge. `below`: reached by closes at or
 * below a level. `to` ends the search, `range` covers all closes before it. Returns the number
 * reached. */
static int64_t find_stops(const Task *task, const double *rates, int64_t count, double base,
                          int below, int64_t from, int64_t to, Range range, Exit *exits)
{
    int64_t t = from + 1, met = 0;
    for (; met < count; met++) {
        double level = below ? base * (1 - rates[met]) * (1 + TIE)
                             : base * (1 + rates[met]) * (1 - TIE);
        /* the negation makes NaN, a stop that is off, not reached; NaN comes last */
        if (!(below ? range.low <= level : range.high >= level))
            break;
        t = first_beyond(task, t, to, level, below);
        if (t >= to)
            break;
        exits[met] = (Exit){t, range_of(task, from, t)};
    }
    return met;
}

/* Step 4: an earlier exit for lanes that lose all their cash before their exit. */
static void find_busts(const Task *task, Lanes *lanes, const Edge *edge, const Costs *costs,
                       const double *entered)
{
    for (int64_t j = 0; j < lanes->count; j++) {
        if (entered[j] == 0)
            continue;
        double own = lanes->safe[j] + lanes->cash[j] + costs->got_short * entered[j];
        double level = own / -lanes->quantity[j] * (1 - TIE);
        int64_t end = earlier((int64_t)lanes->exit_at[j] + 1, task->length);
        int64_t at = first_at_or_above(task, edge->at + 1, end, level);
        if (at == end)
            continue;
        Range range = range_of(task, edge->at, at);
        lanes->exit_at[j] = (double)at;
        lanes->exit_close[j] = task->closes[at];
        lanes->lowest[j] = range.low;
        lanes->highest[j] = range.high;
        lanes->bust[j] = 1;
    }
}

/* Make the rest of the cash of lanes that are bust unavailable to entries. */
static void end_busts(Lanes *lanes)
{
    for (int64_t j = 0; j < lanes->count; j++) {
        lanes->safe[j] += lanes->bust[j] ? lanes->cash[j] : 0;
        lanes->cash[j] = lanes->bust[j] ? 0 : lanes->cash[j];
    }
}

/* Every lane exits at `until`. */
static void plan_signal_exits(const Task *task, Lanes *lanes, const Edge *edge, Range range)
{
    double close = task->closes[earlier(edge->until, task->length - 1)];
    for (int64_t j = 0; j < lanes->count; j++) {
        lanes->exit_at[j] = (double)edge->until;
        lanes->entry_delay[j] = 0;
        lanes->exit_close[j] = close;
        lanes->lowest[j] = range.low;
        lanes->highest[j] = range.high;
    }
}

/* Steps 1 and 2: the exit of each lane from a position opened at this edge. Returns 0, and plans
 * nothing, if no stop is reached and every lane exits at `until`. */
static int plan_exits(const Task *task, Lanes *lanes, const Edge *edge, Range range, Exit *losses,
                      Exit *profits)
{
    double base = task->closes[edge->at];
    if (!task->vectorbt)
        base *= edge->direction > 0 ? 1 + task->slippage : 1 - task->slippage;
    int goes_long = edge->direction > 0;
    /* unlike vectorbt's, our stop at `until` coincides with the exit by the edge there */
    int64_t to = task->vectorbt ? earlier(edge->until + 1, task->length) : edge->until;
    Range searched = range;
    if (to > edge->until)
        widen_by_closes(&searched, task->closes, edge->until, to);
    int64_t lost = find_stops(task, task->sl_rates, task->sl_count, base, goes_long, edge->at, to,
                              searched, losses);
    int64_t won = find_stops(task, task->tp_rates, task->tp_count, base, !goes_long, edge->at, to,
                             searched, profits);
    if (!lost && !won)
        return 0;
    Exit signal = {edge->until, range};
    for (int64_t j = 0; j < lanes->count; j++) {
        const Exit *exit = &signal;
        double entry_delay = 0;
        if (task->lane_sl[j] < lost) {
            exit = &losses[task->lane_sl[j]];
            entry_delay = 0.5;
        }
        if (task->lane_tp[j] < won && profits[task->lane_tp[j]].at < exit->at + (entry_delay == 0)) {
            exit = &profits[task->lane_tp[j]];
            entry_delay = 0.5;
        }
        lanes->exit_at[j] = (double)exit->at;
        lanes->entry_delay[j] = task->vectorbt ? entry_delay : 0;
        lanes->exit_close[j] = task->closes[earlier(exit->at, task->length - 1)];
        lanes->lowest[j] = exit->range.low;
        lanes->highest[j] = exit->range.high;
    }
    return 1;
}

/* Open a position in every lane that is free and has cash. `entered` is the notional of the lanes
 * that enter, else 0; the other lanes are unchanged. */
static void enter_lanes(const Task *task, Lanes *lanes, const Edge *edge, const Costs *costs,
                        double *restrict entered)
{
    double at = (double)edge->at, inverse = task->inverse[edge->at], quote = task->quote;
    double paid = edge->direction > 0 ? -costs->paid_long : costs->got_short;
    double units = edge->direction > 0 ? inverse / costs->buy : -inverse / costs->sell;
    double share = costs->notional, idle = task->idle;
    const double *restrict cash = lanes->cash, *restrict safe = lanes->safe;
    const double *restrict free_from = lanes->free_from, *restrict peak = lanes->peak;
    double *restrict fixed = lanes->fixed, *restrict quantity = lanes->quantity;
    double *restrict low = lanes->low;
    int64_t peaks = 0;
    LANES_INDEPENDENT
    for (int64_t j = 0; j < lanes->count; j++) {
        double rest = cash[j] + (safe[j] + idle);
        int enters = (free_from[j] <= at) & (cash[j] > 0);
        /* a lane that was flat is marked before it enters, as is the start */
        int was_flat = enters & (free_from[j] < at);
        peaks += was_flat & (rest > peak[j]);
        low[j] = was_flat & (rest < low[j]) ? rest : low[j];
        double notional = smaller(quote, cash[j] * share);
        entered[j] = enters ? notional : 0;
        fixed[j] = enters ? rest + paid * notional : fixed[j];
        quantity[j] = enters ? units * notional : quantity[j];
    }
    for (int64_t j = 0; peaks && j < lanes->count; j++)
        if (entered[j] != 0 && free_from[j] < at)
            mark(lanes, j, flat_equity_of(task, lanes, j));
}

/* Step 3 for the lanes that entered: their lows, and new peaks where there are any.
 * `same_exit`: they all exit at `until`, and `range` covers the closes before it. */
static inline __attribute__((always_inline)) void mark_lanes(const Task *task, Lanes *lanes,
                                                             const Edge *edge, Range range,
                                                             const double *restrict entered,
                                                             int same_exit)
{
    int goes_long = edge->direction > 0;
    const double *restrict fixed = lanes->fixed, *restrict quantity = lanes->quantity;
    const double *restrict peak = lanes->peak;
    const double *restrict best = goes_long ? lanes->highest : lanes->lowest;
    const double *restrict worst = goes_long ? lanes->lowest : lanes->highest;
    double *restrict low = lanes->low;
    double all_best = goes_long ? range.high : range.low;
    double all_worst = goes_long ? range.low : range.high;
    int64_t peaks = 0;
    LANES_INDEPENDENT
    for (int64_t j = 0; j < lanes->count; j++) {
        double top = fixed[j] + quantity[j] * (same_exit ? all_best : best[j]);
        double bottom = fixed[j] + quantity[j] * (same_exit ? all_worst : worst[j]);
        int in = entered[j] != 0, over = in & (top > peak[j]);
        peaks += over;
        low[j] = in & !over & (bottom < low[j]) ? bottom : low[j];
    }
    for (int64_t j = 0; peaks && j < lanes->count; j++)
        if (entered[j] != 0 && fixed[j] + quantity[j] * (same_exit ? all_best : best[j]) > peak[j])
            mark_in_order(task, lanes, j, edge->at,
                          same_exit ? edge->until : (int64_t)lanes->exit_at[j]);
}

/* Close the open positions at their planned exits or, if `same_exit`, at `until`: cash and
 * counts. */
static inline __attribute__((always_inline)) void exit_lanes(const Task *task, Lanes *lanes,
                                                              const Edge *edge,
                                                              const Costs *costs,
                                                              const double *restrict entered,
                                                              int same_exit)
{
    double paid = edge->direction > 0 ? -costs->paid_long : costs->got_short;
    double unit = edge->direction > 0 ? costs->exit_long : costs->exit_short;
    double length = (double)task->length, at = (double)edge->at, share = task->safe_share;
    const double *restrict quantity = lanes->quantity;
    const double *restrict exit_at = lanes->exit_at, *restrict entry_delay = lanes->entry_delay;
    const double *restrict close = lanes->exit_close;
    double *restrict cash = lanes->cash, *restrict safe = lanes->safe;
    double *restrict free_from = lanes->free_from, *restrict held = lanes->held;
    double *restrict round_trips = lanes->round_trips, *restrict wins = lanes->wins;
    double until = (double)edge->until;
    double all_close = task->closes[earlier(edge->until, task->length - 1)];
    LANES_INDEPENDENT
    for (int64_t j = 0; j < lanes->count; j++) {
        double left = same_exit ? until : exit_at[j];
        int in = entered[j] != 0, out = in & (left < length);
        double brought = quantity[j] * unit * (same_exit ? all_close : close[j]);
        double profit = out ? paid * entered[j] + brought : 0;
        double kept = larger(profit, 0) * share;
        free_from[j] = in ? left + (same_exit ? 0 : entry_delay[j]) : free_from[j];
        held[j] += in ? left - at : 0;
        safe[j] += kept;
        round_trips[j] += out ? 1 : 0;
        wins[j] += out & (profit >= DRAW * entered[j]) ? 1 : 0;
        cash[j] += profit - kept;
    }
}

/* edges ahead whose prices are prefetched: the distances are too irregular for the hardware */
#define PREFETCH_EDGES 8

static inline void fetch_edge(const Task *task, const Edge *edge)
{
    __builtin_prefetch(&task->ends[4 * edge->at]);
    __builtin_prefetch(&task->closes[edge->at]);
    __builtin_prefetch(&task->inverse[edge->at]);
}

/* Simulate all lanes of one base. `stops` has room for every distinct stop. */
static void run_lanes(const Task *task, Lanes *lanes, const Edge *edges, int64_t edge_count,
                      Exit *stops, double *entered)
{
    Costs costs = costs_of(task);
    int64_t day = 0;
    /* no short is bust below this multiple of its entry close: its cash is twice its notional */
    double safe_rise = 2 * costs.sell * (1 - 1e-9);
    reset_lanes(task, lanes);
    for (int64_t i = 0; i < edge_count; i++) {
        const Edge *edge = &edges[i];
        fetch_edge(task, &edges[earlier(i + PREFETCH_EDGES, edge_count - 1)]);
        for (; day < task->days && task->day_ends[day] < edge->at; day++)
            record_day(task, lanes, day);
        if (!(edge->direction > 0 ? task->allows_long : task->allows_short))
            continue;
        int64_t last = earlier(edge->until, task->length - 1);
        Range range = range_of(task, edge->at, edge->until);
        enter_lanes(task, lanes, edge, &costs, entered);
        int apart = plan_exits(task, lanes, edge, range, stops, stops + task->sl_count);
        double risen = larger(range.high, task->closes[last]) * task->inverse[edge->at];
        int may_bust = edge->direction < 0 && risen >= safe_rise;
        if (may_bust) {
            if (!apart)
                plan_signal_exits(task, lanes, edge, range);
            apart = 1;
            find_busts(task, lanes, edge, &costs, entered);
        }
        if (apart) {
            mark_lanes(task, lanes, edge, range, entered, 0);
            exit_lanes(task, lanes, edge, &costs, entered, 0);
        } else {
            mark_lanes(task, lanes, edge, range, entered, 1);
            exit_lanes(task, lanes, edge, &costs, entered, 1);
        }
        if (may_bust)
            end_busts(lanes);
    }
    for (; day < task->days; day++)
        record_day(task, lanes, day);
    for (int64_t j = 0; j < lanes->count; j++)
        if (lanes->free_from[j] < (double)task->length)
            mark(lanes, j, flat_equity_of(task, lanes, j));
}

#endif
