/* Find where to divide the AC coefficients of a component into two scans: one pass counts for all places. */
#include "scan_coder.h"

enum { SPLITS = 4, WHOLE = 2 * SPLITS, BANDS };
static const uint8_t SPLIT_AT[SPLITS] = {2, 5, 8, 14};

/* Bands are numbered: the lower band of each split, then the upper ones, then the undivided one. */
typedef struct {
    uint32_t within[SPLITS + 1][256]; /* symbols between two splits, if nothing were divided */
    uint64_t extra[SPLITS + 1];       /* their extra bits */
    int32_t moved[SPLITS][256];       /* what dividing changes in the upper band: runs of zeros begin there */
    uint32_t run[BANDS];              /* blocks in the current run of ended blocks (EOBRUN) */
    uint32_t ends[BANDS][15];         /* how many such runs ended, by symbol */
} counts;

static void end_run(counts *to, int band) {
    if (!to->run[band]) return;
    to->ends[band][31 - __builtin_clz(to->run[band])]++;
    to->run[band] = 0;
}

static void lengthen_run(counts *to, int band) {
    if (++to->run[band] == 0x7FFF) end_run(to, band);
}

static void count_block(const candidate_block *block, const candidate *list, counts *to) {
    int before = 0, passed = 0; /* position of the last coefficient; number of splits below it */
    for (int i = 0; i < block->count; i++) {
        uint32_t value = candidate_size(list[i]);
        if (!value) continue;
        int at = candidate_at(list[i]), run = at - before - 1, size = 32 - __builtin_clz(value);
        for (; passed < SPLITS && at > SPLIT_AT[passed]; passed++) {
            int split = SPLIT_AT[passed], rest = at - split - 1;
            int32_t *moved = to->moved[passed];
            if (before < split) lengthen_run(to, passed);
            end_run(to, SPLITS + passed);
            moved[0xF0] += (rest >> 4) - (run >> 4);
            moved[(run & 15) << 4 | size]--;
            moved[(rest & 15) << 4 | size]++;
        }
        if (!before) {
            end_run(to, WHOLE);
            for (int n = passed; n < SPLITS; n++) end_run(to, n);
        }
        to->within[passed][0xF0] += (uint32_t)(run >> 4);
        to->within[passed][(run & 15) << 4 | size]++;
        to->extra[passed] += (uint64_t)size;
        before = at;
    }
    for (int n = 0; n < SPLITS; n++) {
        if (n >= passed && before < SPLIT_AT[n]) lengthen_run(to, n);
        if (n >= passed || before < 63) lengthen_run(to, SPLITS + n);
    }
    if (before < 63) lengthen_run(to, WHOLE);
}

/* The estimated bytes of a scan of the band `band`, which lies between the splits `from` and `to`. */
static uint64_t estimate(counts *of, int band, int from, int to, const int32_t *moved, int every) {
    uint32_t used[256];
    uint64_t extra = 0;
    for (int i = 0; i < 256; i++) {
        uint32_t sum = moved ? (uint32_t)moved[i] : 0;
        for (int n = from; n <= to; n++) sum += of->within[n][i];
        used[i] = sum;
    }
    for (int n = from; n <= to; n++) extra += of->extra[n];
    end_run(of, band);
    for (int size = 0; size < 15; size++) {
        used[size << 4] += of->ends[band][size];
        extra += (uint64_t)size * of->ends[band][size];
    }
    return scan_bytes((const uint32_t(*)[256])&used, 1, extra, every);
}

int bands_split(const candidates *of, int component, uint64_t *bytes) {
    counts found = {0};
    int every = scan_every(of), best = 63;
    for (int y = 0; y < of->rows[component]; y += every)
        for (int x = 0; x < of->columns[component]; x++) {
            const candidate_block *block = candidates_block(of, component, x, y);
            count_block(block, of->list + block->first, &found);
        }
    *bytes = estimate(&found, WHOLE, 0, SPLITS, NULL, every);
    for (int n = 0; n < SPLITS; n++) {
        uint64_t other = estimate(&found, n, 0, n, NULL, every) +
                         estimate(&found, SPLITS + n, n + 1, SPLITS, found.moved[n], every);
        if (other >= *bytes) continue;
        *bytes = other;
        best = SPLIT_AT[n];
    }
    return best;
}
