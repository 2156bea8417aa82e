/* What the kernel is asked: one evaluation, as the Python side lays it out in memory.
 *
 * Every field is eight bytes wide, so that no compiler pads the structure in its own way;
 * `_Task` in ../library.py lists the same fields in the same order.
 * Nothing here is written to but the columns of results, and there each variant has its own row.
 */
#ifndef BOWLINE_TASK_H
#define BOWLINE_TASK_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    /* the tape: `length` closes, decisions from index `start`; `inverse` is 1 / close */
    int64_t length, start;
    const double *closes, *inverse;
    /* ranges.h: lowest and highest close of 1, 2, 4, ... blocks from each block on */
    const double *block_low, *block_high;
    int64_t blocks, block_levels;
    /* lowest and highest close of each close's block up to it, then from it on */
    const double *ends;
    /* last close of each UTC day with candles, and how many days it stands for */
    int64_t days;
    const int64_t *day_ends, *day_spans;

    /* signals: `bases` rows of `legs` numbers of bank rows; a bank row is LONG words, SHORT words */
    const uint64_t *bank;
    int64_t words, bases, legs;
    const int32_t *base;
    /* or, where `bank` is NULL, crosses of averages: pairs of numbers of distinct averages, each of
       a period and of the candle that its sum begins with */
    const int32_t *fast, *slow;
    int64_t average_count;
    const int64_t *periods, *anchors;
    /* of each base: the candle from which on a signal can be new; never before `start` */
    const int64_t *edges_from;

    /* stops: distinct rates, tightest first, NaN (off) last; lane j takes pair (lane_sl, lane_tp) */
    int64_t sl_count, tp_count, lanes;
    const double *sl_rates, *tp_rates;
    const int32_t *lane_sl, *lane_tp;

    /* rules; the budget is the strategy's own, what is idle the rest of the account's */
    double initial_cash, budget, idle, quote, safe_share, fee, slippage;
    int64_t allows_long, allows_short, vectorbt;

    /* results, row base * lanes + lane; `daily`, if wanted, has `daily_width` columns */
    double *final_equity, *max_drawdown, *sharpe;
    int64_t *held, *round_trips, *wins;
    double *daily;
    int64_t daily_width;
} Task;

/* a level that a close meets exactly in decimals is met, whatever its last binary digit */
#define TIE 4e-15
/* the report's and the catalogue's bounds: a smaller dip, or a smaller difference of two numbers, is
   rounding, daily returns that deviate by a smaller part of their mean are equal, and a smaller gain
   is a draw */
#define ROUNDING 1e-12
#define EQUAL_RETURNS 1e-6
#define DRAW 5e-9

#define WORD_BITS 64

static inline double smaller(double a, double b) { return a < b ? a : b; }
static inline double larger(double a, double b) { return a > b ? a : b; }
static inline int64_t earlier(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t later(int64_t a, int64_t b) { return a > b ? a : b; }

/* Costs as factors, worked out once. With p the close: a long is bought at p * (1 + slippage). */
typedef struct {
    double notional;    /* of available money: 1 / (1 + fee) */
    double paid_long;   /* cash that a long of notional 1 takes: 1 + fee */
    double got_short;   /* cash that a short of notional 1 brings: 1 - fee */
    double buy, sell;   /* price of a buy and of a sell at a close of 1 */
    double leave_long, leave_short; /* cash for, and cost of, one unit at a close of 1 */
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
        .leave_long = sell * (1 - task->fee),
        .leave_short = buy * (1 + task->fee),
    };
}

#endif
