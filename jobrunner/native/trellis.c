/* Weigh rate against distortion for the coefficients of a block, over all choices. */
#include "trellis.h"

/* In squares of 1/256 of a step. */
typedef int64_t cost;

/* More than everything else together: 63 squares of 2^20, and their bits. */
static const cost NEVER = (cost)1 << 50;

static cost square(int64_t difference) { return difference * difference; }

void trellis_prepare(trellis_rates *rates) {
    for (int size = 0; size < 16; size++) {
        uint32_t least = rates->symbol[0xF0] + rates->symbol[size];
        for (int i = 16 + size; i < 256; i += 16) least = rates->symbol[i] < least ? rates->symbol[i] : least;
        rates->apart[size] = least;
    }
}

/* A way through the band is a chain of coefficients that are written. The best way to a coefficient comes from
 * the best coefficient before it. These are tried from the nearest one on. If one would be too expensive even
 * with the fewest bits that any run takes, so are all before it whose ways are not cheaper, and they are
 * skipped. */
void trellis_choose(candidate *list, int count, int first, int last, const trellis_rates *rates,
                    int32_t bit, const uint8_t stays[64]) {
    /* Index 0 is the start of the band, i + 1 the coefficient i. */
    cost zeros = 0, way[65]; /* the cost of writing nothing so far; what the best way to here costs beyond it */
    uint8_t from[65], choice[65];
    int8_t cheaper[65]; /* the nearest one before it with a cheaper way, or -1 */
    way[0] = 0;
    cheaper[0] = -1;
    for (int i = 0; i < count; i++) {
        candidate one = list[i];
        uint32_t nearest = candidate_nearest(one), exact = candidate_exact(one);
        int at = candidate_at(one), choices = stays[at] || nearest == 1 ? 1 : 2, size[2];
        cost here = INT64_MAX, least = INT64_MAX, off[2];
        for (int c = 0; c < choices; c++) {
            uint32_t value = nearest - (uint32_t)c;
            size[c] = 32 - __builtin_clz(value);
            off[c] = zeros + square((int64_t)exact - (int64_t)(value << 8));
            cost some = off[c] + ((cost)bit * rates->apart[size[c]] >> RATE_BITS);
            least = some < least ? some : least;
        }
        for (int before = i; before >= 0;) {
            int run = at - (before ? candidate_at(list[before - 1]) : first - 1) - 1;
            const uint32_t *after = &rates->symbol[(run & 15) << 4];
            uint32_t passed = (uint32_t)(run >> 4) * rates->symbol[0xF0];
            for (int c = 0; c < choices; c++) {
                cost total = way[before] + off[c] + ((cost)bit * (passed + after[size[c]]) >> RATE_BITS);
                if (total < here) {
                    here = total;
                    from[i + 1] = (uint8_t)before;
                    choice[i + 1] = (uint8_t)(c + 1);
                }
            }
            before--;
            while (before >= 0 && way[before] + least >= here) before = cheaper[before];
        }
        zeros += stays[at] ? NEVER : square(exact);
        way[i + 1] = here - zeros;
        int other = i;
        while (other >= 0 && way[other] >= way[i + 1]) other = cheaper[other];
        cheaper[i + 1] = (int8_t)other;
    }
    int end = 0;
    cost best = 0; /* writing nothing: the block joins a run of ended blocks */
    for (int i = 1; i <= count; i++) {
        cost total = way[i];
        if (candidate_at(list[i - 1]) < last) total += (cost)bit * rates->end >> RATE_BITS;
        if (total < best) {
            best = total;
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
