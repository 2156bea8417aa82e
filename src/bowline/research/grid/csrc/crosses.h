/* Signals of two moving averages, LONG while the fast one is above the slow one, SHORT below it.
 *
 * 1. Closes are whole numbers of ticks, taken from a close nearby, so that a sum of them is exact.
 * 2. An average is the exact sum over its period, divided and rounded once, and rounded again to
 *    float32. Both roundings keep the order of two numbers or make them equal.
 * 3. So a strict inequality of two float32 is one of the averages; where they are equal, the exact
 *    sums decide. Sixteen candles are compared at once, where the machine can.
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
    float *averages;   /* TILE of them for each wanted period, NaN while there is none */
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
    double near = task->ticks[tile->from];
    crosses->sums[0] = 0;
    for (int64_t t = origin; t < end; t++)
        crosses->sums[t - origin + 1] = crosses->sums[t - origin] + (task->ticks[t] - near);
    for (int64_t i = 0; i < task->period_count; i++) {
        if (!crosses->wanted[i])
            continue;
        float *restrict averages = crosses->averages + crosses->slot[i] * TILE;
        int64_t period = task->periods[i], t = 0;
        for (; t < tile->length && tile->from + t < period - 1; t++)
            averages[t] = NAN;
        const double *restrict after = crosses->sums + (tile->from - origin + 1);
        const double *before = after - period;
        double divisor = (double)period, inverse = 1 / divisor;
        for (; t < tile->length; t++)
            averages[t] = (float)divided(after[t] - before[t], divisor, inverse);
        for (; t < TILE; t++)
            averages[t] = NAN;
    }
}

/* Bit i of `above`: whether a[i] > b[i]; of `below`: whether a[i] < b[i]. NaN is neither. */
static inline void compare_word(const float *a, const float *b, uint64_t *above, uint64_t *below)
{
    uint64_t more = 0, less = 0;
#if defined(__AVX512F__)
    for (int i = 0; i < 4; i++) {
        __m512 left = _mm512_load_ps(a + 16 * i), right = _mm512_load_ps(b + 16 * i);
        more |= (uint64_t)_mm512_cmp_ps_mask(left, right, _CMP_GT_OQ) << (16 * i);
        less |= (uint64_t)_mm512_cmp_ps_mask(left, right, _CMP_LT_OQ) << (16 * i);
    }
#elif defined(__AVX2__)
    for (int i = 0; i < 8; i++) {
        __m256 left = _mm256_load_ps(a + 8 * i), right = _mm256_load_ps(b + 8 * i);
        __m256 is_more = _mm256_cmp_ps(left, right, _CMP_GT_OQ);
        __m256 is_less = _mm256_cmp_ps(left, right, _CMP_LT_OQ);
        more |= (uint64_t)(uint32_t)_mm256_movemask_ps(is_more) << (8 * i);
        less |= (uint64_t)(uint32_t)_mm256_movemask_ps(is_less) << (8 * i);
    }
#elif defined(__SSE2__)
    for (int i = 0; i < 4; i++) {
        __m128i is_more[4], is_less[4];
        for (int j = 0; j < 4; j++) {
            __m128 left = _mm_load_ps(a + 16 * i + 4 * j), right = _mm_load_ps(b + 16 * i + 4 * j);
            is_more[j] = _mm_castps_si128(_mm_cmpgt_ps(left, right));
            is_less[j] = _mm_castps_si128(_mm_cmplt_ps(left, right));
        }
        __m128i bytes = _mm_packs_epi16(_mm_packs_epi32(is_more[0], is_more[1]),
                                        _mm_packs_epi32(is_more[2], is_more[3]));
        more |= (uint64_t)(uint32_t)_mm_movemask_epi8(bytes) << (16 * i);
        bytes = _mm_packs_epi16(_mm_packs_epi32(is_less[0], is_less[1]),
                                _mm_packs_epi32(is_less[2], is_less[3]));
        less |= (uint64_t)(uint32_t)_mm_movemask_epi8(bytes) << (16 * i);
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
    const float *fast_averages = crosses->averages + crosses->slot[fast] * TILE;
    const float *slow_averages = crosses->averages + crosses->slot[slow] * TILE;
    int64_t fast_period = task->periods[fast], slow_period = task->periods[slow];
    int64_t known = (fast_period > slow_period ? fast_period : slow_period) - 1 - tile->from;
    for (int64_t word = 0; word < tile->words; word++) {
        int64_t from = word * WORD_BITS;
        uint64_t is_above, is_below;
        compare_word(fast_averages + from, slow_averages + from, &is_above, &is_below);
        for (uint64_t equal = ~(is_above | is_below); equal; equal &= equal - 1) {
            int64_t t = from + __builtin_ctzll(equal);
            if (t >= tile->length)
                break;
            if (t < known)
                continue;
            int order = exact_order(crosses, tile->from + t, fast_period, slow_period);
            is_above |= (uint64_t)(order > 0) << (t - from);
            is_below |= (uint64_t)(order < 0) << (t - from);
        }
        long_words[word] = is_above;
        short_words[word] = is_below;
    }
}

#endif
