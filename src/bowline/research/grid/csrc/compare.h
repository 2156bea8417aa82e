/* Which of two columns is above the other, a candle a byte: 1 the first, -1 the second, else 0.
 *
 * It is the catalogue's comparison: two numbers that differ by rounding only are equal, and a NaN
 * or an infinity compares as neither, because its difference is no larger than its rounding.
 */
#ifndef BOWLINE_COMPARE_H
#define BOWLINE_COMPARE_H

#include <math.h>
#include <stdint.h>

static inline int order_of(double one, double other, double rounding)
{
    double a = fabs(one), b = fabs(other);
    double bound = rounding * (a > b ? a : b), difference = one - other;
    return (difference > bound) - (difference < -bound);
}

static inline void compare(const double *one, const double *other, int64_t count, double rounding,
                           int8_t *direction)
{
    for (int64_t t = 0; t < count; t++)
        direction[t] = (int8_t)order_of(one[t], other[t], rounding);
}

#endif
