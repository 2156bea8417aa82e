/* Signals of two moving averages, LONG while the fast one is above the slow one, SHORT below it.
 *
 * They equal the catalogue's, bit for bit, without a column of either average:
 * 1. A simple average is computed as in TA-Lib (ta_SMA.c): from its anchor on, a sum that gains the
 *    newest close, is divided, and loses the oldest, in that order. It is carried from tile to
 *    tile.
 * 2. Every average of a tile is rounded to one of 65,536 steps between the lowest and the highest
 *    close it can be computed from. Rounding keeps the order of two numbers or makes them equal.
 * 3. Two steps that differ by more than one belong to averages that differ by more than rounding;
 *    up to 32 candles are compared at once. Elsewhere the averages themselves are compared.
 * Averages are computed once for each distinct period and anchor, and shared by all pairs.
 */
#ifndef BOWLINE_CROSSES_H
#define BOWLINE_CROSSES_H

#include "compare.h"
#include "task.h"
#include "tiles.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef struct {
    int64_t count;    /* of the averages that this call needs */
    int64_t *wanted;  /* their indices in the task */
    int64_t *slot;    /* index of a task's average among the wanted; -1 if it is not one of them */
    int64_t longest;  /* the longest period */
    double *sums;     /* running sum of each, before the next candle */
    double *exact;    /* TILE values of each */
    int16_t *steps;   /* the same, in steps */
} Crosses;

static void free_crosses(Crosses *crosses)
{
    free(crosses->wanted);
    free(crosses->slot);
    free(crosses->sums);
    free(crosses->exact);
    free(crosses->steps);
}

static int make_crosses(const Task *task, Crosses *crosses, int64_t first, int64_t stop)
{
    size_t most = (size_t)task->average_count;
    crosses->wanted = malloc(most * sizeof *crosses->wanted);
    crosses->slot = malloc(most * sizeof *crosses->slot);
    crosses->sums = calloc(most, sizeof *crosses->sums);
    if (!crosses->wanted || !crosses->slot || !crosses->sums)
        return 0;
    for (size_t i = 0; i < most; i++)
        crosses->slot[i] = -1;
    for (int64_t base = first; base < stop; base++)
        crosses->slot[task->fast[base]] = crosses->slot[task->slow[base]] = 0;
    for (int64_t i = 0; i < task->average_count; i++) {
        if (crosses->slot[i] < 0)
            continue;
        crosses->slot[i] = crosses->count;
        crosses->wanted[crosses->count++] = i;
        if (task->periods[i] > crosses->longest)
            crosses->longest = task->periods[i];
    }
    size_t values = (size_t)(crosses->count * TILE);
    crosses->exact = aligned_alloc(64, values * sizeof *crosses->exact);
    crosses->steps = aligned_alloc(64, values * sizeof *crosses->steps);
    return crosses->exact && crosses->steps;
}

/* Division is slow. With fused multiply-add, a quotient is estimated and corrected, which gives the
 * correctly rounded result (Markstein 1990). */
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

/* Step 1 for averages with a full window: several at once, to hide the latency of each sum. */
#define AT_ONCE 5

static void roll_together(const Tile *tile, const int64_t *periods, double *sums, double *exact)
{
    const double *newest = tile->closes;
    double sum[AT_ONCE];
    const double *oldest[AT_ONCE];
    for (int i = 0; i < AT_ONCE; i++) {
        sum[i] = sums[i];
        oldest[i] = newest - (periods[i] - 1);
    }
    for (int64_t t = 0; t < tile->length; t++)
        for (int i = 0; i < AT_ONCE; i++) {
            double gained = sum[i] + newest[t];
            exact[i * TILE + t] = gained;
            sum[i] = gained - oldest[i][t];
        }
    memcpy(sums, sum, sizeof sum);
}

/* Step 1 for one average, whose window may not be full yet. */
static void roll(const Tile *tile, int64_t period, int64_t anchor, double *sum, double *exact)
{
    for (int64_t t = 0; t < tile->length; t++) {
        int64_t candle = tile->from + t;
        if (candle >= anchor)
            *sum += tile->closes[t];
        exact[t] = *sum;
        if (candle - anchor >= period - 1)
            *sum -= tile->closes[t - (period - 1)];
    }
}

static void roll_all(const Task *task, Crosses *crosses, const Tile *tile)
{
    for (int64_t i = 0; i < crosses->count;) {
        int64_t periods[AT_ONCE], ready = 0;
        for (; ready < AT_ONCE && i + ready < crosses->count; ready++) {
            int64_t number = crosses->wanted[i + ready];
            periods[ready] = task->periods[number];
            if (tile->from - task->anchors[number] < periods[ready] - 1)
                break;
        }
        double *sums = crosses->sums + i, *exact = crosses->exact + i * TILE;
        if (ready == AT_ONCE) {
            roll_together(tile, periods, sums, exact);
            i += AT_ONCE;
        } else {
            int64_t number = crosses->wanted[i++];
            roll(tile, task->periods[number], task->anchors[number], sums, exact);
        }
    }
}

/* Step 2: steps per unit of price, and the price of the lowest step; 0 where a step would be as
 * small as rounding. */
static double find_steps(const Task *task, const Crosses *crosses, const Tile *tile, double *lowest)
{
    int64_t first = tile->from - crosses->longest;
    double low = tile->closes[0], high = low;
    for (int64_t t = first < 0 ? 0 : first; t < tile->from + tile->length; t++) {
        low = smaller(low, task->closes[t]);
        high = larger(high, task->closes[t]);
    }
    *lowest = low;
    return (high - low) / 65534 > 8 * ROUNDING * high ? 65534 / (high - low) : 0;
}

static void make_averages(const Task *task, Crosses *crosses, const Tile *tile)
{
    roll_all(task, crosses, tile);
    double low, scale = find_steps(task, crosses, tile, &low), lowest = low * scale + 32767;
    for (int64_t i = 0; i < crosses->count; i++) {
        double divisor = (double)task->periods[crosses->wanted[i]], inverse = 1 / divisor;
        double *restrict exact = crosses->exact + i * TILE;
        int16_t *restrict steps = crosses->steps + i * TILE;
        for (int64_t t = 0; t < tile->length; t++) {
            exact[t] = divided(exact[t], divisor, inverse);
            /* an average can lie beyond its closes only by the rounding of its sum */
            int32_t step = (int32_t)(exact[t] * scale - lowest);
            step = step < -32767 ? -32767 : step;
            steps[t] = (int16_t)(step > 32767 ? 32767 : step);
        }
    }
}

/* Bit i of `above`: whether a[i] - 1 > b[i]; of `below`: whether a[i] < b[i] - 1. */
static inline void compare_word(const int16_t *a, const int16_t *b, uint64_t *above,
                                uint64_t *below)
{
    uint64_t more = 0, less = 0;
#if defined(__AVX512BW__)
    __m512i one = _mm512_set1_epi16(1);
    for (int i = 0; i < 2; i++) {
        __m512i left = _mm512_load_si512(a + 32 * i), right = _mm512_load_si512(b + 32 * i);
        __m512i less_left = _mm512_subs_epi16(left, one), less_right = _mm512_subs_epi16(right,
                                                                                         one);
        more |= (uint64_t)_mm512_cmpgt_epi16_mask(less_left, right) << (32 * i);
        less |= (uint64_t)_mm512_cmpgt_epi16_mask(less_right, left) << (32 * i);
    }
#elif defined(__AVX2__)
    __m256i one = _mm256_set1_epi16(1);
    for (int i = 0; i < 2; i++) {
        const __m256i *left = (const __m256i *)(a + 32 * i), *right = (const __m256i *)(b + 32 * i);
        __m256i first = _mm256_load_si256(left), second = _mm256_load_si256(left + 1);
        __m256i other = _mm256_load_si256(right), another = _mm256_load_si256(right + 1);
        /* packing works in halves of a register; the permutation restores the order */
        __m256i is_more = _mm256_permute4x64_epi64(
            _mm256_packs_epi16(_mm256_cmpgt_epi16(_mm256_subs_epi16(first, one), other),
                               _mm256_cmpgt_epi16(_mm256_subs_epi16(second, one), another)), 0xD8);
        __m256i is_less = _mm256_permute4x64_epi64(
            _mm256_packs_epi16(_mm256_cmpgt_epi16(_mm256_subs_epi16(other, one), first),
                               _mm256_cmpgt_epi16(_mm256_subs_epi16(another, one), second)), 0xD8);
        more |= (uint64_t)(uint32_t)_mm256_movemask_epi8(is_more) << (32 * i);
        less |= (uint64_t)(uint32_t)_mm256_movemask_epi8(is_less) << (32 * i);
    }
#elif defined(__SSE2__)
    __m128i one = _mm_set1_epi16(1);
    for (int i = 0; i < 4; i++) {
        const __m128i *left = (const __m128i *)(a + 16 * i), *right = (const __m128i *)(b + 16 * i);
        __m128i first = _mm_load_si128(left), second = _mm_load_si128(left + 1);
        __m128i other = _mm_load_si128(right), another = _mm_load_si128(right + 1);
        __m128i is_more = _mm_packs_epi16(_mm_cmpgt_epi16(_mm_subs_epi16(first, one), other),
                                          _mm_cmpgt_epi16(_mm_subs_epi16(second, one), another));
        __m128i is_less = _mm_packs_epi16(_mm_cmpgt_epi16(_mm_subs_epi16(other, one), first),
                                          _mm_cmpgt_epi16(_mm_subs_epi16(another, one), second));
        more |= (uint64_t)(uint32_t)_mm_movemask_epi8(is_more) << (16 * i);
        less |= (uint64_t)(uint32_t)_mm_movemask_epi8(is_less) << (16 * i);
    }
#else
    for (int i = 0; i < WORD_BITS; i++) {
        more |= (uint64_t)(a[i] - 1 > b[i]) << i;
        less |= (uint64_t)(a[i] < b[i] - 1) << i;
    }
#endif
    *above = more;
    *below = less;
}

/* Mask of the candles of the word at candle `from` that lie in `first` up to `end`. */
static inline uint64_t part_of_word(int64_t from, int64_t first, int64_t end)
{
    uint64_t part = ~(uint64_t)0;
    if (first > from)
        part = first - from >= WORD_BITS ? 0 : part << (first - from);
    if (end < from + WORD_BITS)
        part &= ~(uint64_t)0 >> (from + WORD_BITS - end);
    return part;
}

/* The first candle with a value of an average, relative to the tile; it may lie outside it. */
static inline int64_t known_from(const Task *task, const Tile *tile, int32_t average)
{
    return task->anchors[average] + task->periods[average] - 1 - tile->from;
}

/* Step 3, a word at a time. */
static void cross_words(const Task *task, const Crosses *crosses, const Tile *tile, int64_t base,
                        uint64_t *long_words, uint64_t *short_words)
{
    int32_t fast = task->fast[base], slow = task->slow[base];
    int64_t fast_at = crosses->slot[fast] * TILE, slow_at = crosses->slot[slow] * TILE;
    int64_t known = later(known_from(task, tile, fast), known_from(task, tile, slow));
    for (int64_t word = 0; word < tile->words; word++) {
        int64_t from = word * WORD_BITS;
        uint64_t is_above, is_below;
        compare_word(crosses->steps + fast_at + from, crosses->steps + slow_at + from, &is_above,
                     &is_below);
        uint64_t part = part_of_word(from, known, tile->length);
        is_above &= part;
        is_below &= part;
        for (uint64_t close = part & ~(is_above | is_below); close; close &= close - 1) {
            int bit = __builtin_ctzll(close);
            int order = order_of(crosses->exact[fast_at + from + bit],
                                 crosses->exact[slow_at + from + bit], 0, ROUNDING);
            is_above |= (uint64_t)(order > 0) << bit;
            is_below |= (uint64_t)(order < 0) << bit;
        }
        long_words[word] = is_above;
        short_words[word] = is_below;
    }
}

#endif
