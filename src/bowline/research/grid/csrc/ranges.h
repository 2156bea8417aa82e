/* Lowest and highest close of any range, and the first close beyond a level.
 *
 * Closes are divided into blocks of 16. Level k of a sparse table holds, for each block, the
 * extreme of the 2^k blocks from it on, so that two reads cover any range of whole blocks. For each
 * close there are the extremes of its block up to it and from it on, which cover the partial blocks
 * at both ends; only a range within one block is read close by close. Every result is exact.
 */
#ifndef BOWLINE_RANGES_H
#define BOWLINE_RANGES_H

#include "task.h"

#define BLOCK 16

typedef struct {
    double low, high;
} Range;

static inline void widen(Range *range, double low, double high)
{
    range->low = smaller(range->low, low);
    range->high = larger(range->high, high);
}

static inline void widen_by_closes(Range *range, const double *closes, int64_t from, int64_t to)
{
    for (int64_t t = from; t < to; t++)
        widen(range, closes[t], closes[t]);
}

/* Extremes of the closes from `from` up to `to`, exclusive; to > from. */
static inline Range range_of(const Task *task, int64_t from, int64_t to)
{
    Range range = {INFINITY, -INFINITY};
    int64_t first = from / BLOCK + 1, last = (to - 1) / BLOCK;
    if (first > last) {
        widen_by_closes(&range, task->closes, from, to);
        return range;
    }
    const double *begins = task->ends + 4 * from, *ends = task->ends + 4 * (to - 1);
    widen(&range, begins[2], begins[3]);
    widen(&range, ends[0], ends[1]);
    if (first == last)
        return range;
    int level = 63 - __builtin_clzll((uint64_t)(last - first));
    int64_t row = level * task->blocks, second = last - ((int64_t)1 << level);
    widen(&range, task->block_low[row + first], task->block_high[row + first]);
    widen(&range, task->block_low[row + second], task->block_high[row + second]);
    return range;
}

/* The first close at or below `level` from `from` up to `to`; `to` if there is none. */
static inline int64_t first_at_or_below(const Task *task, int64_t from, int64_t to, double level)
{
    for (int64_t t = from; t < to;) {
        int64_t end = earlier((t / BLOCK + 1) * BLOCK, to);
        if (task->block_low[t / BLOCK] <= level)
            for (; t < end; t++)
                if (task->closes[t] <= level)
                    return t;
        t = end;
    }
    return to;
}

/* The first close at or above `level` from `from` up to `to`; `to` if there is none. */
static inline int64_t first_at_or_above(const Task *task, int64_t from, int64_t to, double level)
{
    for (int64_t t = from; t < to;) {
        int64_t end = earlier((t / BLOCK + 1) * BLOCK, to);
        if (task->block_high[t / BLOCK] >= level)
            for (; t < end; t++)
                if (task->closes[t] >= level)
                    return t;
        t = end;
    }
    return to;
}

#endif
