/* Which of two columns is above the other, one byte per candle: 1 the first, -1 the second, else 0.
 *
 * This is the catalogue's comparison: two numbers that differ by rounding only are equal, and a NaN
 * or an infinity compares as neither. Rounding is measured relative to the two numbers and, if
 * given, the scale of the numbers they were computed from (core/rounding.py).
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

/* `scales`, one per candle, may be NULL. */
static inline void compare(const double *one, const double *other, const double *scales,
                           int64_t count, double rounding, int8_t *direction)
{
    for (int64_t t = 0; t < count; t++)
        direction[t] = (int8_t)order_of(one[t], other[t], scales ? scales[t] : 0, rounding);
}

#endif
