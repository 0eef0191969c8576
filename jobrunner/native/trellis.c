/* Rate against distortion for the coefficients of a block, over all choices. */
#include "trellis.h"

/* Squares of 1/256 of a step. */
typedef int64_t cost;

/* More than all else together: 63 squares of 2^20, and their bits. */
static const cost NEVER = (cost)1 << 50;

static cost square(int64_t difference) { return difference * difference; }

/* A way through the band is a chain of coefficients that stay; each is reached from the best one
 * before it. */
void trellis_choose(candidate *list, int count, int first, int last, const trellis_rates *rates,
                    int32_t bit, const uint8_t stays[64]) {
    cost zeros[65], best[65]; /* of 0 for all before; of the best way that ends here */
    uint8_t from[65], choice[65];
    zeros[0] = best[0] = 0; /* index 0 is the start of the band, i + 1 the coefficient i */
    for (int i = 0; i < count; i++) {
        candidate one = list[i];
        uint32_t nearest = candidate_nearest(one), exact = candidate_exact(one);
        int at = candidate_at(one), choices = stays[at] || nearest == 1 ? 1 : 2, size[2];
        cost here = INT64_MAX, off[2];
        for (int c = 0; c < choices; c++) {
            uint32_t value = nearest - (uint32_t)c;
            off[c] = square((int64_t)exact - (int64_t)(value << 8));
            size[c] = 32 - __builtin_clz(value);
        }
        for (int before = i; before >= 0; before--) {
            if (zeros[i] - zeros[before] >= here) break;
            int run = at - (before ? candidate_at(list[before - 1]) : first - 1) - 1;
            cost so_far = best[before] + zeros[i] - zeros[before];
            const uint32_t *after = &rates->symbol[(run & 15) << 4];
            uint32_t passed = (uint32_t)(run >> 4) * rates->symbol[0xF0];
            for (int c = 0; c < choices; c++) {
                cost total = so_far + off[c] + ((cost)bit * (passed + after[size[c]]) >> RATE_BITS);
                if (total < here) {
                    here = total;
                    from[i + 1] = (uint8_t)before;
                    choice[i + 1] = (uint8_t)(c + 1);
                }
            }
        }
        best[i + 1] = here;
        zeros[i + 1] = zeros[i] + (stays[at] ? NEVER : square(exact));
    }
    int end = 0;
    cost least = zeros[count]; /* nothing stays: one block more in a run of such */
    for (int i = 1; i <= count; i++) {
        cost total = best[i] + zeros[count] - zeros[i];
        if (candidate_at(list[i - 1]) < last) total += (cost)bit * rates->end >> RATE_BITS;
        if (total < least) {
            least = total;
            end = i;
        }
    }
    for (int i = count; i > 0; i--) {
        list[i - 1] &= (1u << CANDIDATE_CHOICE) - 1;
        if (i != end) continue;
        list[i - 1] |= (uint32_t)choice[i] << CANDIDATE_CHOICE;
        end = from[i];
    }
}
