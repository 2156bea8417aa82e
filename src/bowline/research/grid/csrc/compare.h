/* Which of two columns is above the other, a candle a byte: 1 the first, -1 the second, else 0.
 *
 * It is the catalogue's comparison: two numbers that differ by rounding only are equal, and a NaN
 * or an infinity compares as neither, because its difference is no larger than its rounding.
 * Rounding is measured against the two numbers and, where there is one, the scale of what they were
 * made of (core/rounding.py).
 */
#ifndef BOWLINE_COMPARE_H
#define BOWLINE_COMPARE_H

#include <math.h>
#include <stdint.h>

static inline int order_of(double one, double other, double scale, double rounding)
{
    double a = fabs(one), b = fabs(other), size = a > b ? a : b;
    double bound = rounding * (size > scale ? size : scale), difference = one - other;
    return (difference > bound) - (difference < -bound);
}

/* `scales`, one a candle, may be NULL. */
static inline void compare(const double *one, const double *other, const double *scales,
                           int64_t count, double rounding, int8_t *direction)
{
    for (int64_t t = 0; t < count; t++)
        direction[t] = (int8_t)order_of(one[t], other[t], scales ? scales[t] : 0, rounding);
}

#endif
