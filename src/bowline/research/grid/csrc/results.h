/* The row of results from a variant's state at the last close. */
#ifndef BOWLINE_RESULTS_H
#define BOWLINE_RESULTS_H

#include "task.h"

#define DAYS_A_YEAR 365
#define FEWEST_DAYS 2

/* One variant's last equity of each day with candles: `daily[day * stride]`. Days without candles
 * keep the equity of the day before; `day_spans` counts them. */
typedef struct {
    const double *daily;
    int64_t stride;
} Days;

static inline double day_equity(Days days, int64_t day) { return days.daily[day * days.stride]; }

/* Sharpe ratio as in core/report/metrics.py: mean(r) / std(r, ddof 1) * sqrt(365) of the daily
 * returns, the first relative to the initial cash. NaN under two days, without more deviation than
 * rounding, and if a day began with an equity of 0 or less. */
static double sharpe_of(const Task *task, Days days)
{
    double before = task->initial_cash, sum = 0;
    int64_t count = 0;
    for (int64_t day = 0; day < task->days; day++) {
        double equity = day_equity(days, day), growth = equity / before - 1;
        int64_t span = task->day_spans[day];
        int goes_on = day + 1 < task->days || span > 1;
        if (equity <= 0 && goes_on)
            return NAN;
        sum += growth;
        count += span;
        before = equity;
    }
    if (count < FEWEST_DAYS)
        return NAN;
    double mean = sum / (double)count, squares = 0;
    before = task->initial_cash;
    for (int64_t day = 0; day < task->days; day++) {
        double equity = day_equity(days, day), apart = equity / before - 1 - mean;
        squares += apart * apart + (double)(task->day_spans[day] - 1) * (mean * mean);
        before = equity;
    }
    double deviation = sqrt(squares / (double)(count - 1));
    if (!(deviation > larger(ROUNDING, EQUAL_RETURNS * fabs(mean))))
        return NAN;
    return mean / deviation * sqrt(DAYS_A_YEAR);
}

static void write_daily(const Task *task, int64_t row, Days days)
{
    double *out = task->daily + row * task->daily_width;
    *out++ = task->initial_cash;
    for (int64_t day = 0; day < task->days; day++)
        for (int64_t span = task->day_spans[day]; span > 0; span--)
            *out++ = day_equity(days, day);
}

/* A variant's state after the last close. */
typedef struct {
    double final_equity, drawdown, peak, low, held, round_trips, wins;
    Days days;
} FinalState;

static void write_row(const Task *task, int64_t row, const FinalState *final)
{
    double depth = larger(final->drawdown, (final->peak - final->low) / final->peak);
    task->final_equity[row] = final->final_equity;
    task->max_drawdown[row] = depth <= ROUNDING ? 0 : depth;
    task->held[row] = (int64_t)final->held;
    task->round_trips[row] = (int64_t)final->round_trips;
    task->wins[row] = (int64_t)final->wins;
    task->sharpe[row] = sharpe_of(task, final->days);
    if (task->daily)
        write_daily(task, row, final->days);
}

#endif
