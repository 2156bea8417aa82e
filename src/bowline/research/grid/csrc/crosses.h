/* Signals of two moving averages, LONG while the fast one is above the slow one, SHORT below it.
 *
 * 1. Closes are whole numbers of ticks, taken from a close nearby, so that a sum of them is exact.
 * 2. An average is the exact sum over its period, divided and rounded once, and rounded again to
 *    one of 65,536 steps between the lowest and the highest close it can be made of. Each rounding
 *    keeps the order of two numbers or makes them equal.
 * 3. So a strict inequality of two steps is one of the averages; where they are equal, the exact
 *    sums decide. Up to 32 candles are compared at once.
 * Averages are made once for each distinct period and tile, and shared by all pairs.
 */
#ifndef BOWLINE_CROSSES_H
#define BOWLINE_CROSSES_H

#include "task.h"
#include "tiles.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef struct {
    int64_t longest;   /* the longest period */
    uint8_t *wanted;   /* which of the task's periods this call needs */
    int64_t *slot;     /* where the averages of a period lie: its number among the wanted */
    int64_t origin;    /* candle of sums[0] */
    double *sums;      /* sums[i]: of the ticks of the `i` candles from `origin` on */
    int16_t *averages; /* TILE of them, in steps, for each wanted period; 0 while there is none */
} Crosses;

static void free_crosses(Crosses *crosses)
{
    free(crosses->wanted);
    free(crosses->slot);
    free(crosses->sums);
    free(crosses->averages);
}

static int make_crosses(const Task *task, Crosses *crosses, int64_t first, int64_t stop)
{
    int64_t count = 0;
    crosses->wanted = calloc((size_t)task->period_count, 1);
    crosses->slot = malloc((size_t)task->period_count * sizeof *crosses->slot);
    if (!crosses->wanted || !crosses->slot)
        return 0;
    for (int64_t base = first; base < stop; base++)
        crosses->wanted[task->fast[base]] = crosses->wanted[task->slow[base]] = 1;
    for (int64_t i = 0; i < task->period_count; i++) {
        crosses->slot[i] = count;
        count += crosses->wanted[i];
        if (crosses->wanted[i] && task->periods[i] > crosses->longest)
            crosses->longest = task->periods[i];
    }
    crosses->sums = malloc((size_t)(crosses->longest + TILE + 1) * sizeof *crosses->sums);
    crosses->averages = aligned_alloc(64, (size_t)(count * TILE) * sizeof *crosses->averages);
    return crosses->sums && crosses->averages;
}

/* Step 2. Dividing is slow: where the machine rounds a product and a sum once, a quotient is
 * estimated and corrected, which gives the same number (Markstein 1990). */
static inline double divided(double sum, double period, double inverse)
{
#if defined(__FMA__)
    double estimate = sum * inverse;
    return __builtin_fma(__builtin_fma(-estimate, period, sum), inverse, estimate);
#else
    (void)inverse;
    return sum / period;
#endif
}

static void make_averages(const Task *task, Crosses *crosses, const Tile *tile)
{
    int64_t origin = tile->from - crosses->longest;
    crosses->origin = origin = origin < 0 ? 0 : origin;
    int64_t end = tile->from + tile->length;
    double near = task->ticks[tile->from], low = 0, high = 0;
    crosses->sums[0] = 0;
    for (int64_t t = origin; t < end; t++) {
        double away = task->ticks[t] - near;
        low = smaller(low, away);
        high = larger(high, away);
        crosses->sums[t - origin + 1] = crosses->sums[t - origin] + away;
    }
    double steps = high > low ? 65534 / (high - low) : 0;
    for (int64_t i = 0; i < task->period_count; i++) {
        if (!crosses->wanted[i])
            continue;
        int16_t *restrict averages = crosses->averages + crosses->slot[i] * TILE;
        int64_t period = task->periods[i], unknown = period - 1 - tile->from;
        unknown = unknown < 0 ? 0 : earlier(unknown, tile->length);
        memset(averages, 0, (size_t)unknown * sizeof *averages);
        const double *restrict after = crosses->sums + (tile->from - origin + 1);
        const double *before = after - period;
        double divisor = (double)period, inverse = 1 / divisor;
        for (int64_t t = unknown; t < tile->length; t++) {
            double average = divided(after[t] - before[t], divisor, inverse);
            averages[t] = (int16_t)(int32_t)((average - low) * steps - 32767);
        }
    }
}

/* Bit i of `above`: whether a[i] > b[i]; of `below`: whether a[i] < b[i]. */
static inline void compare_word(const int16_t *a, const int16_t *b, uint64_t *above,
                                uint64_t *below)
{
    uint64_t more = 0, less = 0;
#if defined(__AVX512BW__)
    for (int i = 0; i < 2; i++) {
        __m512i left = _mm512_load_si512(a + 32 * i), right = _mm512_load_si512(b + 32 * i);
        more |= (uint64_t)_mm512_cmpgt_epi16_mask(left, right) << (32 * i);
        less |= (uint64_t)_mm512_cmpgt_epi16_mask(right, left) << (32 * i);
    }
#elif defined(__AVX2__)
    for (int i = 0; i < 2; i++) {
        const __m256i *left = (const __m256i *)(a + 32 * i), *right = (const __m256i *)(b + 32 * i);
        __m256i first = _mm256_load_si256(left), second = _mm256_load_si256(left + 1);
        __m256i other = _mm256_load_si256(right), another = _mm256_load_si256(right + 1);
        /* packing works in halves of a register; the permutation puts the quarters in order */
        __m256i is_more = _mm256_permute4x64_epi64(
            _mm256_packs_epi16(_mm256_cmpgt_epi16(first, other),
                               _mm256_cmpgt_epi16(second, another)), 0xD8);
        __m256i is_less = _mm256_permute4x64_epi64(
            _mm256_packs_epi16(_mm256_cmpgt_epi16(other, first),
                               _mm256_cmpgt_epi16(another, second)), 0xD8);
        more |= (uint64_t)(uint32_t)_mm256_movemask_epi8(is_more) << (32 * i);
        less |= (uint64_t)(uint32_t)_mm256_movemask_epi8(is_less) << (32 * i);
    }
#elif defined(__SSE2__)
    for (int i = 0; i < 4; i++) {
        const __m128i *left = (const __m128i *)(a + 16 * i), *right = (const __m128i *)(b + 16 * i);
        __m128i first = _mm_load_si128(left), second = _mm_load_si128(left + 1);
        __m128i other = _mm_load_si128(right), another = _mm_load_si128(right + 1);
        __m128i is_more = _mm_packs_epi16(_mm_cmpgt_epi16(first, other),
                                          _mm_cmpgt_epi16(second, another));
        __m128i is_less = _mm_packs_epi16(_mm_cmpgt_epi16(other, first),
                                          _mm_cmpgt_epi16(another, second));
        more |= (uint64_t)(uint32_t)_mm_movemask_epi8(is_more) << (16 * i);
        less |= (uint64_t)(uint32_t)_mm_movemask_epi8(is_less) << (16 * i);
    }
#else
    for (int i = 0; i < WORD_BITS; i++) {
        more |= (uint64_t)(a[i] > b[i]) << i;
        less |= (uint64_t)(a[i] < b[i]) << i;
    }
#endif
    *above = more;
    *below = less;
}

/* The candles of a word from candle `from` on that lie from `first` up to `end`. */
static inline uint64_t part_of_word(int64_t from, int64_t first, int64_t end)
{
    uint64_t part = ~(uint64_t)0;
    if (first > from)
        part = first - from >= WORD_BITS ? 0 : part << (first - from);
    if (end < from + WORD_BITS)
        part &= ~(uint64_t)0 >> (from + WORD_BITS - end);
    return part;
}

/* Step 3: 1, 0 or -1 where the exact fast average is above, at or below the exact slow one. */
static int exact_order(const Crosses *crosses, int64_t t, int64_t fast, int64_t slow)
{
    const double *after = crosses->sums + (t + 1 - crosses->origin);
    __int128 left = (__int128)(int64_t)(after[0] - after[-fast]) * slow;
    __int128 right = (__int128)(int64_t)(after[0] - after[-slow]) * fast;
    return (left > right) - (left < right);
}

static void cross_words(const Task *task, const Crosses *crosses, const Tile *tile, int64_t base,
                        uint64_t *long_words, uint64_t *short_words)
{
    int32_t fast = task->fast[base], slow = task->slow[base];
    const int16_t *fast_averages = crosses->averages + crosses->slot[fast] * TILE;
    const int16_t *slow_averages = crosses->averages + crosses->slot[slow] * TILE;
    int64_t fast_period = task->periods[fast], slow_period = task->periods[slow];
    int64_t known = (fast_period > slow_period ? fast_period : slow_period) - 1 - tile->from;
    for (int64_t word = 0; word < tile->words; word++) {
        int64_t from = word * WORD_BITS;
        uint64_t is_above, is_below;
        compare_word(fast_averages + from, slow_averages + from, &is_above, &is_below);
        uint64_t part = part_of_word(from, known, tile->length);
        is_above &= part;
        is_below &= part;
        for (uint64_t equal = part & ~(is_above | is_below); equal; equal &= equal - 1) {
            int bit = __builtin_ctzll(equal);
            int order = exact_order(crosses, tile->from + from + bit, fast_period, slow_period);
            is_above |= (uint64_t)(order > 0) << bit;
            is_below |= (uint64_t)(order < 0) << bit;
        }
        long_words[word] = is_above;
        short_words[word] = is_below;
    }
}

#endif
