/* From packed signals to edges: the candles where a LONG or a SHORT signal is new.
 *
 * Bit t % 64 of word t / 64 belongs to candle t. An edge is a bit whose predecessor is not set;
 * the first decided candle is compared with the last candle of the warm-up. The caller sets the
 * candle from which edges count (`edges_from`).
 */
#ifndef BOWLINE_EDGES_H
#define BOWLINE_EDGES_H

#include "task.h"

typedef struct {
    int32_t at;        /* the candle */
    int32_t direction; /* 1 or -1 */
    int32_t until;     /* the next edge against it, or the number of candles */
} Edge;

/* `into` &= `row`, or = `row` for the first row. */
static inline void join_row(uint64_t *restrict into, const uint64_t *restrict row, int64_t count,
                            int first)
{
    if (first)
        memcpy(into, row, (size_t)count * sizeof *row);
    else
        for (int64_t word = 0; word < count; word++)
            into[word] &= row[word];
}

/* The agreement of the rows of a base: LONG where all are LONG, SHORT where all are SHORT. */
static inline void agree(const Task *task, int64_t base, int64_t first, int64_t count,
                         uint64_t *long_words, uint64_t *short_words)
{
    const int32_t *rows = task->base + base * task->rows_a_base;
    for (int64_t i = 0; i < task->rows_a_base; i++) {
        const uint64_t *row = task->bank + (int64_t)rows[i] * 2 * task->words + first;
        join_row(long_words, row, count, i == 0);
        join_row(short_words, row + task->words, count, i == 0);
    }
}

/* Write every edge of a base that counts, oldest first; returns their number. */
static int64_t find_edges(const Task *task, int64_t base, const uint64_t *long_words,
                          const uint64_t *short_words, Edge *edges)
{
    int64_t count = 0, from = task->edges_from[base], first = from / WORD_BITS;
    if (from >= task->length)
        return 0;
    uint64_t long_before = 0, short_before = 0;
    if (first > 0) {
        long_before = long_words[first - 1] >> (WORD_BITS - 1);
        short_before = short_words[first - 1] >> (WORD_BITS - 1);
    }
    uint64_t decided = ~(uint64_t)0 << (from % WORD_BITS);
    for (int64_t word = first; word < task->words; word++) {
        uint64_t goes_long = long_words[word], goes_short = short_words[word];
        uint64_t new_long = goes_long & ~(goes_long << 1 | long_before);
        uint64_t new_short = goes_short & ~(goes_short << 1 | short_before);
        long_before = goes_long >> (WORD_BITS - 1);
        short_before = goes_short >> (WORD_BITS - 1);
        for (uint64_t left = (new_long | new_short) & decided; left; left &= left - 1) {
            int bit = __builtin_ctzll(left);
            edges[count].at = (int32_t)(word * WORD_BITS + bit);
            edges[count].direction = new_long >> bit & 1 ? 1 : -1;
            count++;
        }
        decided = ~(uint64_t)0;
    }
    int32_t next[2] = {(int32_t)task->length, (int32_t)task->length};
    for (int64_t i = count - 1; i >= 0; i--) {
        int goes_long = edges[i].direction > 0;
        edges[i].until = next[!goes_long];
        next[goes_long] = edges[i].at;
    }
    return count;
}

#endif
