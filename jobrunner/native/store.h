/* Store the coefficients of a band of blocks, for JPEGs that cannot be written in the order in which they are
 * read: those of several scans, and those whose chroma is halved. All scans are decoded side by side, a band
 * at a time, so that what is stored fits into the CPU's cache. */
#ifndef IMAGEBATCH_STORE_H
#define IMAGEBATCH_STORE_H

#include "bits.h"
#include "dct.h"

/* How many chroma blocks of the input make one of the output, in each direction. */
typedef struct {
    int across, down;
} halving;

/* A band holds the blocks of one row of MCUs of the output: those of the first component row by row, then those
 * of the next. Only DC and the coefficients in `mask` are set. */
typedef struct {
    int bands;     /* number of bands of the image */
    int mcu_rows;  /* rows of MCUs of the input in a band */
    size_t blocks; /* number of blocks in a band */
    size_t first[MAX_COMPONENTS];                      /* index of a component's first block */
    int across[MAX_COMPONENTS], rows[MAX_COMPONENTS];  /* blocks in a row of it; rows in a band */
    int width[MAX_COMPONENTS], height[MAX_COMPONENTS]; /* blocks of it that hold pixels of the image */
    uint64_t *mask;       /* by block: which AC coefficients are not 0, bits 1 to 63 */
    int16_t (*block)[64]; /* in zigzag order */
} store;

/* The index of the block at a row and column of a component; the row is counted from the top of the image. */
static inline size_t store_index(const store *of, int component, int row, int column) {
    int in_band = row & (of->rows[component] - 1); /* a band has 1 or 2 rows */
    return of->first[component] + (size_t)in_band * (size_t)of->across[component] + (size_t)column;
}

/* A scan that is being decoded. */
typedef struct {
    scan_spec spec;
    bit_reader in;
    const uint8_t *end;   /* the marker that follows it; null for the last scan */
    int restart_interval, until_restart, restart;
    int32_t eob_run;      /* further blocks that have ended already (EOBRUN) */
    int32_t dc_in[MAX_COMPONENTS];
    huffman_decoder dc[MAX_COMPONENTS], ac[MAX_COMPONENTS]; /* by the component's place in the scan */
} scan_state;

/* decode.c: lay out a store, except for its memory; begin all scans, from the first one, at which the header
 * is, and return their number or a negative code; decode a band of all scans, bands in ascending order; check
 * that all scans ended where they should. */
void store_lay_out(const jpeg_header *header, halving by, store *to);
int decode_begin(jpeg_header *header, scan_state scans[MOST_SCANS]);
int decode_band(const jpeg_header *header, int band, scan_state *scans, int count, store *to);
int decode_end(scan_state *scans, int count);

/* halve.c: make one block of the blocks `from`, by row and column, that covers the same pixels. `to` and the
 * mask that is returned are as grid_rounded gives them. A null block, beyond the image, counts as its
 * neighbour mirrored. */
typedef struct {
    const int16_t *block;
    uint64_t mask;
} stored;

uint64_t halve(const stored from[2][2], halving by, const uint16_t steps[64], const grid *least,
               int16_t to[64]);

#endif
