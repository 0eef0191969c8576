/* Scans of candidates. */
#ifndef IMAGEBATCH_SCANS_H
#define IMAGEBATCH_SCANS_H

#include "candidates.h"

/* By `components`, a mask. first 0: DC, and where `last` is 63 all behind it (sequential); else AC of
 * one component. Of the bits those from `low` on; where `high` is not 0, that below it alone. */
typedef struct {
    uint8_t components, first, last, high, low;
} scan_kind;

/* As many as a script can have: DC of three, AC of three in two bands with two refinements. */
enum { MOST_CHOSEN_SCANS = 3 + 3 * 4, MOST_CORRECTIONS = 1000 };

/* Counts what a scan would take, then writes it. */
typedef struct {
    uint32_t used[4][256]; /* symbols, by table */
    uint64_t extra;        /* bits beside their codes */
    huffman_spec specs[4];
    huffman_encoder encoders[4];
    uint8_t *at, *end;
    uint64_t bits; /* the low `count` are to be written */
    int count, full;
    uint32_t run;    /* blocks of the EOB run under way */
    int corrections; /* bits that follow its symbol */
    uint8_t correction[MOST_CORRECTIONS];
} scan_coder;

/* scans.c: clears the coder and counts, one row of blocks or MCUs of `every`; makes tables for what was
 * counted; about the bytes that the whole scan takes with such tables, headers included. */
void scan_count(const candidates *of, const scan_kind *kind, int every, scan_coder *coder);
void scan_tables(scan_coder *coder);
uint64_t scan_estimate(const scan_coder *coder, int every);
/* The same for symbols counted elsewhere, by table, and their `extra` bits. */
uint64_t scan_bytes(const uint32_t (*used)[256], int tables, uint64_t extra, int every);
/* What was counted, with those tables: JPEG_NO_ROOM where it does not fit. */
int scan_write(const candidates *of, const scan_kind *kind, scan_coder *coder);
/* Of how many rows one tells what a large image is like. */
int scan_every(const candidates *of);

/* bands.c: the last position of the first band of a component's AC, 63 where one is best; their bytes. */
int bands_split(const candidates *of, int component, uint64_t *bytes);
/* script.c: the scans for what is chosen, the smallest that it knows of. Their number. */
int script_choose(const candidates *of, scan_kind scans[MOST_CHOSEN_SCANS]);

#endif
