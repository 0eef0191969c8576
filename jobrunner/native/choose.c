/* Run the trellis over all blocks. It runs twice, as the bits that a symbol takes depend on the choice. */
#include "scan_coder.h"
#include "trellis.h"

enum { PASSES = 2, LONGEST_CODE = 16 };

/* The bits that symbols take, by the candidates that are chosen now. */
static void rates_of(const candidates *of, const scan_kind *kind, scan_coder *coder, trellis_rates *rates) {
    scan_count(of, kind, scan_every(of), coder);
    scan_tables(coder);
    const uint8_t *length = coder->encoders[TABLE_AC].length;
    uint64_t bits = 0, runs = 0;
    for (int i = 0; i < 256; i++)
        rates->symbol[i] = (uint32_t)((length[i] ? length[i] : LONGEST_CODE) + (i & 15)) << RATE_BITS;
    for (int i = 0; i < 15; i++) {
        runs += coder->used[TABLE_AC][i << 4];
        bits += (uint64_t)coder->used[TABLE_AC][i << 4] * (uint64_t)(length[i << 4] + i);
    }
    rates->end = runs ? (uint32_t)((bits << RATE_BITS) / runs) : LONGEST_CODE << RATE_BITS;
    trellis_prepare(rates);
}

static void choose_band(candidates *of, const scan_kind *band, const trellis_rates *rates) {
    int component = band->components >> 1;
    const uint8_t *stays = of->stays[component];
    for (int y = 0; y < of->rows[component]; y++)
        for (int x = 0; x < of->columns[component]; x++) {
            const candidate_block *block = candidates_block(of, component, x, y);
            candidate *list = of->list + block->first;
            int from = 0, to;
            while (from < block->count && candidate_at(list[from]) < band->first) from++;
            for (to = from; to < block->count && candidate_at(list[to]) <= band->last;) to++;
            if (to > from)
                trellis_choose(list + from, to - from, band->first, band->last, rates, block->bit, stays);
        }
}

void choose_candidates(candidates *of) {
    scan_coder coder;
    for (int i = 0; i < of->components; i++) {
        int split = 63;
        for (int pass = 0; pass < PASSES; pass++) {
            uint64_t bytes;
            trellis_rates rates[2];
            if (pass) split = bands_split(of, i, &bytes);
            const scan_kind band[2] = {{(uint8_t)(1 << i), 1, (uint8_t)split, 0, 0},
                                       {(uint8_t)(1 << i), (uint8_t)(split + 1), 63, 0, 0}};
            int bands = split < 63 ? 2 : 1;
            for (int n = 0; n < bands; n++) rates_of(of, &band[n], &coder, &rates[n]);
            for (int n = 0; n < bands; n++) choose_band(of, &band[n], &rates[n]);
        }
    }
}
