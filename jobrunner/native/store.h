/* Coefficients of some blocks, for what cannot be written as it comes: several scans, or chroma that is
 * halved. All scans go on side by side, so that no more is kept than what lies in the cache. */
#ifndef IMAGEBATCH_STORE_H
#define IMAGEBATCH_STORE_H

#include "bits.h"
#include "transform.h"

/* How the output differs from the input: each of its chroma blocks is made of this many. */
typedef struct {
    int across, down;
} halving;

/* A band: what makes a row of MCUs of the output; the rows of blocks of one component, then of the
 * next. Of a block only those coefficients are set that `mask` has, and DC always. */
typedef struct {
    int bands;     /* of the image */
    int mcu_rows;  /* of the input, in a band */
    size_t blocks; /* in a band */
    size_t first[MAX_COMPONENTS];                     /* block of a component */
    int across[MAX_COMPONENTS], rows[MAX_COMPONENTS]; /* blocks, rows of them */
    int width[MAX_COMPONENTS], height[MAX_COMPONENTS]; /* blocks that have a pixel of the image */
    uint64_t *mask;       /* by block, bits 1..63 */
    int16_t (*block)[64]; /* in zigzag order */
} store;

/* The block at a row, counted from the image's first, and column of blocks of a component. */
static inline size_t store_index(const store *of, int component, int row, int column) {
    int in_band = row & (of->rows[component] - 1); /* 1 or 2 rows */
    return of->first[component] + (size_t)in_band * (size_t)of->across[component] + (size_t)column;
}

/* A scan under way. */
typedef struct {
    scan_spec spec;
    bit_reader in;
    const uint8_t *end;   /* the marker behind it; null for the last one */
    int restart_interval, until_restart, restart;
    int32_t eob_run;      /* blocks to come in which nothing new is */
    int32_t dc_in[MAX_COMPONENTS];
    huffman_decoder dc[MAX_COMPONENTS], ac[MAX_COMPONENTS]; /* by place in the scan */
} scan_state;

/* decode.c: all but the memory; the number of scans or a negative code, where `header` is at the first;
 * a band of all of them, in this order; whether they then ended well. */
void store_lay_out(const jpeg_header *header, halving by, store *to);
int scans_begin(jpeg_header *header, scan_state scans[MOST_SCANS]);
int scans_band(const jpeg_header *header, int band, scan_state *scans, int count, store *to);
int scans_end(scan_state *scans, int count);

/* halve.c: the blocks of `from`, by row and column, to one that covers their pixels, as grid_rounded, and
 * the mask of what is not less than `least` in it. Where there is no block it is as its neighbour mirrored. */
typedef struct {
    const int16_t *block;
    uint64_t mask;
} stored;

uint64_t halve(const stored from[2][2], halving by, const uint16_t steps[64], const grid *least,
               int16_t to[64]);

#endif
