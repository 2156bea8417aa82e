/* Consecutive candles that fit the second-level cache, with a table of range extremes.
 *
 * Row k of the table (a sparse table) holds, for each candle, the extremes of the 2^k closes from
 * it on; any range is covered by two of them. A pair is (lowest, minus highest), so that both are
 * minima and one loop computes a row from the one before. Minima select a value, so every result is
 * exact.
 */
#ifndef BOWLINE_TILES_H
#define BOWLINE_TILES_H

#include "task.h"

#define TILE 1024
#define TILE_WORDS (TILE / WORD_BITS)
#define TILE_LEVELS 11

typedef struct {
    int64_t from, length; /* candles `from` to `from + length`; `from` is a multiple of TILE */
    int64_t words;
    const double *closes, *inverse;
    int64_t day; /* the first day that ends in this tile or later */
    double pairs[TILE_LEVELS][2 * TILE];
} Tile;

static void make_tile(const Task *task, Tile *tile, int64_t from)
{
    int64_t length = earlier(TILE, task->length - from);
    tile->from = from;
    tile->length = length;
    tile->words = (length + WORD_BITS - 1) / WORD_BITS;
    tile->closes = task->closes + from;
    tile->inverse = task->inverse + from;
    while (tile->day < task->days && task->day_ends[tile->day] < from)
        tile->day++;
    for (int64_t t = 0; t < length; t++) {
        tile->pairs[0][2 * t] = tile->closes[t];
        tile->pairs[0][2 * t + 1] = -tile->closes[t];
    }
    for (int level = 1; level < TILE_LEVELS; level++) {
        int64_t half = (int64_t)1 << (level - 1);
        const double *restrict before = tile->pairs[level - 1];
        double *restrict pairs = tile->pairs[level];
        for (int64_t i = 0; i < 2 * (length - 2 * half + 1); i++)
            pairs[i] = smaller(before[i], before[i + 2 * half]);
    }
}

/* Lowest and highest close from `a` up to `b`, counted from the tile's first candle; a < b. */
static inline void tile_range(const Tile *tile, int32_t a, int32_t b, double *low, double *high)
{
    int level = 31 - __builtin_clz((uint32_t)(b - a));
    const double *first = tile->pairs[level] + 2 * a;
    const double *second = tile->pairs[level] + 2 * (b - (1 << level));
    *low = smaller(first[0], second[0]);
    *high = -smaller(first[1], second[1]);
}

#endif
