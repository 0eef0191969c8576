/* Encode scans of candidates. */
#ifndef IMAGEBATCH_SCAN_CODER_H
#define IMAGEBATCH_SCAN_CODER_H

#include "candidates.h"

/* What a scan holds. If `first` is 0, it holds DC, and with `last` 63 all AC as well (sequential); otherwise AC
 * coefficients of one component. */
typedef struct {
    uint8_t components;  /* a mask */
    uint8_t first, last; /* positions in zigzag order */
    uint8_t high, low;   /* high 0: all bits from `low` on; otherwise bit `low` alone */
} scan_kind;

/* The most scans of a script: DC of three components; AC of three, in two bands and with two refinements. */
enum { MOST_CHOSEN_SCANS = 3 + 3 * 4, MOST_CORRECTIONS = 1000 };

/* Counts the symbols of a scan, then writes them. */
typedef struct {
    uint32_t used[4][256]; /* how often each symbol occurs, by table */
    uint64_t extra;        /* number of extra bits */
    huffman_spec specs[4];
    huffman_encoder encoders[4];
    uint8_t *at, *end;
    uint64_t bits; /* the low `count` bits are still to be written */
    int count, full;
    uint32_t run;    /* blocks in the current run of ended blocks (EOBRUN) */
    int corrections; /* number of correction bits that follow its symbol */
    uint8_t correction[MOST_CORRECTIONS];
} scan_coder;

/* scan_coder.c: clear the coder and count symbols, in one of every `every` rows of blocks or MCUs; make tables
 * for what was counted; estimate the bytes of the whole scan with such tables, headers included. */
void scan_count(const candidates *of, const scan_kind *kind, int every, scan_coder *coder);
void scan_tables(scan_coder *coder);
uint64_t scan_estimate(const scan_coder *coder, int every);
/* The same estimate for symbols that were counted elsewhere, and the number of their extra bits. */
uint64_t scan_bytes(const uint32_t (*used)[256], int tables, uint64_t extra, int every);
/* Write the scan that was counted, with those tables; JPEG_NO_ROOM if it does not fit. */
int scan_write(const candidates *of, const scan_kind *kind, scan_coder *coder);
/* One row out of how many is enough to estimate a scan; more than 1 for large images. */
int scan_every(const candidates *of);

/* bands.c: find the last position of the first of two bands of a component's AC, or 63 if one band takes fewer
 * bytes, and the bytes of both. */
int bands_split(const candidates *of, int component, uint64_t *bytes);
/* script.c: choose the scans that take the fewest bytes; their number. */
int script_choose(const candidates *of, scan_kind scans[MOST_CHOSEN_SCANS]);

#endif
