/* Choose the scans of a JPEG: those that take the fewest bytes of all that are tried. */
#include "scan_coder.h"

/* The estimated bytes of a scan. */
static uint64_t estimate(const candidates *of, scan_kind kind, scan_coder *coder) {
    int every = scan_every(of);
    scan_count(of, &kind, every, coder);
    return scan_estimate(coder, every);
}

/* The estimated bytes of the AC scans of a component, divided into two bands after `split`. */
static uint64_t bands(const candidates *of, uint8_t mask, int split, uint8_t low, scan_coder *coder) {
    uint64_t bytes = estimate(of, (scan_kind){mask, 1, (uint8_t)split, 0, low}, coder);
    if (split < 63) bytes += estimate(of, (scan_kind){mask, (uint8_t)(split + 1), 63, 0, low}, coder);
    return bytes;
}

/* Write the AC scans of a component to `scans` and add their bytes to `bytes`; the number of scans. */
static int of_component(const candidates *of, int component, scan_coder *coder, scan_kind *scans,
                        uint64_t *bytes) {
    uint8_t mask = (uint8_t)(1 << component);
    uint64_t best, refinements = 0;
    int split = bands_split(of, component, &best), count = 0;
    uint8_t low = 0;
    for (uint8_t bits = 1; bits <= 2; bits++) { /* low bits that further scans add, one scan each */
        refinements += estimate(of, (scan_kind){mask, 1, 63, bits, (uint8_t)(bits - 1)}, coder);
        if (refinements >= best) break;
        uint64_t other = refinements + bands(of, mask, split, bits, coder);
        if (other >= best) break;
        best = other;
        low = bits;
    }
    *bytes += best;
    scans[count++] = (scan_kind){mask, 1, (uint8_t)split, 0, low};
    if (split < 63) scans[count++] = (scan_kind){mask, (uint8_t)(split + 1), 63, 0, low};
    for (uint8_t bits = low; bits > 0; bits--)
        scans[count++] = (scan_kind){mask, 1, 63, bits, (uint8_t)(bits - 1)};
    return count;
}

int script_choose(const candidates *of, scan_kind scans[MOST_CHOSEN_SCANS]) {
    scan_coder coder;
    uint8_t all = (uint8_t)((1 << of->components) - 1);
    uint64_t apart = 0, together = estimate(of, (scan_kind){all, 0, 0, 0, 0}, &coder);
    int count = 0;
    for (int i = 0; i < of->components; i++) {
        scans[count++] = (scan_kind){(uint8_t)(1 << i), 0, 0, 0, 0};
        apart += estimate(of, scans[i], &coder);
    }
    if (together <= apart) {
        count = 1;
        scans[0].components = all;
    }
    uint64_t progressive = together <= apart ? together : apart;
    for (int i = 0; i < of->components; i++)
        count += of_component(of, i, &coder, scans + count, &progressive);
    scan_kind sequential = {all, 0, 63, 0, 0};
    if (estimate(of, sequential, &coder) > progressive) return count;
    scans[0] = sequential;
    return 1;
}
