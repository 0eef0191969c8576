/* trellis NUMBER: compare the trellis with a search of all ways, for so many random blocks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../jobrunner/native/trellis.h"

static uint64_t state = 0x9E3779B97F4A7C15ull;

static uint32_t dice(uint32_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 20) % below;
}

static int64_t square(int64_t value) { return value * value; }

/* Search all ways. Of several that cost the same it takes the one that the trellis takes. */
static void all_ways(candidate *list, int count, int first, int last, const trellis_rates *rates,
                     int32_t bit, const uint8_t stays[64]) {
    int64_t zeros[64] = {0}, best[64] = {0};
    int from[64] = {0}, choice[64] = {0}, end = 0;
    for (int i = 1; i <= count; i++) {
        int64_t exact = candidate_exact(list[i - 1]), nearest = candidate_nearest(list[i - 1]);
        int at = candidate_at(list[i - 1]);
        best[i] = INT64_MAX;
        for (int n = i - 1; n >= 0; n--) {
            int run = at - (n ? candidate_at(list[n - 1]) : first - 1) - 1;
            for (int c = 0; c < (stays[at] || nearest == 1 ? 1 : 2); c++) {
                int size = 32 - __builtin_clz((uint32_t)(nearest - c));
                uint32_t rate = (uint32_t)(run / 16) * rates->symbol[0xF0] + rates->symbol[run % 16 * 16 + size];
                int64_t total = best[n] + zeros[i - 1] - zeros[n] + square(exact - (nearest - c) * 256) +
                                ((int64_t)bit * rate >> RATE_BITS);
                if (total >= best[i]) continue;
                best[i] = total;
                from[i] = n;
                choice[i] = c + 1;
            }
        }
        zeros[i] = zeros[i - 1] + (stays[at] ? (int64_t)1 << 50 : square(exact));
    }
    int64_t least = zeros[count];
    for (int i = 1; i <= count; i++) {
        int64_t total = best[i] + zeros[count] - zeros[i];
        if (candidate_at(list[i - 1]) < last) total += (int64_t)bit * rates->end >> RATE_BITS;
        if (total >= least) continue;
        least = total;
        end = i;
    }
    for (int i = 0; i < count; i++) list[i] &= (1u << CANDIDATE_CHOICE) - 1;
    for (; end; end = from[end]) list[end - 1] |= (uint32_t)choice[end] << CANDIDATE_CHOICE;
}

/* Random rates: some symbols are frequent, most or all of the others are rare. */
static void make_rates(trellis_rates *rates) {
    uint32_t rare = 1 + dice(20), some = 1 + dice(16);
    for (int i = 0; i < 256; i++) {
        uint32_t length = rare > 16 || dice(some) == 0 ? 1 + dice(16) : rare;
        rates->symbol[i] = (length + (uint32_t)(i & 15)) << RATE_BITS;
    }
    rates->end = dice(16 << RATE_BITS);
    trellis_prepare(rates);
}

int main(int count, char **arguments) {
    if (count != 2) return 3;
    for (long left = atol(arguments[1]); left; left--) {
        trellis_rates rates;
        candidate list[63], other[63];
        uint8_t stays[64] = {0};
        uint32_t first = 1 + (dice(2) ? dice(20) : 0), last = dice(3) ? 63 : first + dice(64 - first);
        uint32_t often = 1 + dice(8), most = dice(4) ? 256 + dice(1000) : 1u << (8 + dice(11));
        int number = 0;
        if (dice(3) == 0)
            for (int k = 0; k < 64; k++) stays[k] = dice(10) == 0;
        for (uint32_t at = first; at <= last; at++) {
            if (dice(often) && often > 1) continue;
            uint32_t exact = 129 + dice(most);
            if (exact > 1023 << 8) exact = 1023 << 8;
            list[number++] = exact | at << CANDIDATE_AT | 1u << CANDIDATE_CHOICE;
        }
        int32_t bit = 1 + (int32_t)dice(dice(2) ? 1 << 15 : 8000);
        make_rates(&rates);
        memcpy(other, list, sizeof list);
        trellis_choose(list, number, (int)first, (int)last, &rates, bit, stays);
        all_ways(other, number, (int)first, (int)last, &rates, bit, stays);
        if (memcmp(list, other, (size_t)number * sizeof *list)) {
            printf("another way for block %ld from the end\n", left);
            return 1;
        }
    }
    return 0;
}
