/* Which coefficients of a block are worth their bits: rate against distortion, over all choices. */
#include "jpeg.h"

/* Squares of 1/256 of a step. */
typedef int64_t cost;

/* More than all else together: 63 squares of 2^20, and their bits. */
static const cost NEVER = (cost)1 << 50;

static cost square(int64_t difference) { return difference * difference; }

/* `count` coefficients, not rounded to 0, at zigzag positions `at`, of `exact` size in 1/256 of a
 * step; `lengths` are those of the AC codes. `rounded` is what each is to be: what it is nearest to,
 * one less, or 0; what is `fixed` stays. A way through the block is a chain of those that stay; each is reached from the
 * best one before it. */
void trellis_choose(int count, const uint8_t *at, const uint32_t *exact, const uint8_t *fixed,
                    const uint8_t lengths[256], int32_t lambda, uint32_t *rounded) {
    cost zeros[65], best[65]; /* of 0 for all before; of the best way that ends here */
    uint8_t from[65];
    uint32_t value[65];
    zeros[0] = best[0] = 0; /* index 0 is the start of the block, i + 1 the coefficient i */
    for (int i = 0; i < count; i++) {
        cost here = INT64_MAX;
        uint32_t nearest = rounded[i];
        for (int before = i; before >= 0; before--) {
            int run = at[i] - (before ? at[before - 1] : 0) - 1;
            cost so_far = best[before] + zeros[i] - zeros[before] + (cost)lambda * (run >> 4) * lengths[0xF0];
            if (so_far >= here) continue;
            uint32_t least = fixed[i] || nearest == 1 ? nearest : nearest - 1;
            for (uint32_t v = nearest; v >= least; v--) {
                int size = 32 - __builtin_clz(v);
                cost total = so_far + square((int64_t)exact[i] - (int64_t)(v << 8)) +
                             (cost)lambda * (lengths[(run & 15) << 4 | size] + size);
                if (total < here) {
                    here = total;
                    from[i + 1] = (uint8_t)before;
                    value[i + 1] = v;
                }
            }
        }
        best[i + 1] = here;
        zeros[i + 1] = zeros[i] + (fixed[i] ? NEVER : square(exact[i]));
    }
    int last = 0;
    cost least = INT64_MAX;
    for (int i = 0; i <= count; i++) {
        int full = i && at[i - 1] == 63;
        cost total = best[i] + zeros[count] - zeros[i] + (full ? 0 : (cost)lambda * lengths[0]);
        if (total < least) {
            least = total;
            last = i;
        }
    }
    for (int i = count; i > 0; i--) {
        rounded[i - 1] = i == last ? value[i] : 0;
        if (i == last) last = from[i];
    }
}
