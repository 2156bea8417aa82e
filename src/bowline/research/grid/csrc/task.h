/* One evaluation: the inputs and outputs of the kernel, as the Python side lays them out in memory.
 *
 * Every field is eight bytes wide, so that compilers cannot differ in padding; `Task` in
 * ../library.py lists the same fields in the same order. Only the result columns are written to,
 * and each variant has its own row there.
 */
#ifndef BOWLINE_TASK_H
#define BOWLINE_TASK_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    /* prices: `length` closes, decisions from index `start`; `inverse` is 1 / close */
    int64_t length, start;
    const double *closes, *inverse;
    /* ranges.h: lowest and highest close of 1, 2, 4, ... blocks from each block on */
    const double *block_low, *block_high;
    int64_t blocks, block_levels;
    /* lowest and highest close of each close's block up to it, then from it on */
    const double *ends;
    /* index of the last close of each UTC day with candles, and the number of days it covers */
    int64_t days;
    const int64_t *day_ends, *day_spans;

    /* signals: for each base `rows_a_base` bank row numbers; a bank row is LONG words, SHORT words */
    const uint64_t *bank;
    int64_t words, bases, rows_a_base;
    const int32_t *base;
    /* or, if `bank` is NULL, crosses of averages: a pair of indices of distinct averages for each
       base; an average has a period and the candle at which its sum begins */
    const int32_t *fast, *slow;
    int64_t average_count;
    const int64_t *periods, *anchors;
    /* for each base, the candle from which edges count; never before `start` */
    const int64_t *edges_from;

    /* stops: distinct rates, tightest first, NaN (off) last; lane j takes pair (lane_sl,
                                                                                 lane_tp) */
    int64_t sl_count, tp_count, lanes;
    const double *sl_rates, *tp_rates;
    const int32_t *lane_sl, *lane_tp;

    /* rules; `budget` is the strategy's own money, `idle` the rest of the account */
    double initial_cash, budget, idle, quote, safe_share, fee, slippage;
    int64_t allows_long, allows_short, vectorbt;

    /* results, row base * lanes + lane; `daily`, if not NULL, has `daily_width` columns */
    double *final_equity, *max_drawdown, *sharpe;
    int64_t *held, *round_trips, *wins;
    double *daily;
    int64_t daily_width;
} Task;

/* a close that equals a level in decimals has reached it, whatever its last binary digit */
#define TIE 4e-15
/* bounds shared with the report and the catalogue (core/rounding.py, core/report/round_trips.py):
   relative differences up to ROUNDING are rounding, daily returns that deviate by less than
   EQUAL_RETURNS of their mean are equal, a gain below DRAW is a draw */
#define ROUNDING 1e-12
#define EQUAL_RETURNS 1e-6
#define DRAW 5e-9

#define WORD_BITS 64

static inline double smaller(double a, double b) { return a < b ? a : b; }
static inline double larger(double a, double b) { return a > b ? a : b; }
static inline int64_t earlier(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t later(int64_t a, int64_t b) { return a > b ? a : b; }

/* Costs as factors. With p the close, a long is bought at p * (1 + slippage). */
typedef struct {
    double notional;    /* of available money: 1 / (1 + fee) */
    double paid_long;   /* cash paid for a long of notional 1: 1 + fee */
    double got_short;   /* cash received for a short of notional 1: 1 - fee */
    double buy, sell;   /* price of a buy and of a sell at a close of 1 */
    double exit_long, exit_short; /* cash for, and cost of, one unit at a close of 1 */
} Costs;

static inline Costs costs_of(const Task *task)
{
    double buy = 1 + task->slippage, sell = 1 - task->slippage;
    return (Costs){
        .notional = 1 / (1 + task->fee),
        .paid_long = 1 + task->fee,
        .got_short = 1 - task->fee,
        .buy = buy,
        .sell = sell,
        .exit_long = sell * (1 - task->fee),
        .exit_short = buy * (1 + task->fee),
    };
}

#endif
