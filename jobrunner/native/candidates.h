/* The coefficients of each block that may be written, kept until it is known which scans write them. */
#ifndef IMAGEBATCH_CANDIDATES_H
#define IMAGEBATCH_CANDIDATES_H

#include "jpeg.h"

/* An AC coefficient that may be written. Bits 0 to 19: its size in 1/256 of a step. Bits 20 to 25: its
 * zigzag position. Bit 26: set if it is negative. Bits 28 and 29: what is written, which is nothing (0), the
 * nearest whole number (1) or that minus 1 (2). */
typedef uint32_t candidate;
enum { CANDIDATE_AT = 20, CANDIDATE_NEGATIVE = 1 << 26, CANDIDATE_CHOICE = 28 };

typedef struct {
    uint32_t first; /* index of its first candidate; they are in zigzag order */
    int32_t bit;    /* the distortion that one bit is worth, in squares of 1/256 of a step */
    int16_t dc;
    uint8_t count;
} candidate_block;

/* The blocks are in the order in which one scan of all components would have them. */
struct candidates {
    int components, mcus_across, mcus_down;
    int in_mcu; /* blocks in an MCU */
    int first[MAX_COMPONENTS], h[MAX_COMPONENTS], v[MAX_COMPONENTS]; /* blocks of a component in an MCU */
    int columns[MAX_COMPONENTS], rows[MAX_COMPONENTS]; /* blocks that hold pixels of the image */
    uint8_t stays[MAX_COMPONENTS][64]; /* positions at which the input is as coarse as the output: coefficients
                                          there are written as they are, for nothing more may be lost */
    candidate_block *blocks, *block;   /* all blocks, and the next one to fill */
    candidate *list, *at, *end;        /* all candidates, the next one to fill, and the end of the room */
};

/* candidates.c: the bytes that the blocks take; lay out the blocks, and the list after them, in `room` bytes of
 * memory that is aligned as for uint32_t. The caller sets `stays`. */
size_t candidates_size(const jpeg_header *output);
int candidates_lay_out(const jpeg_header *output, uint8_t *memory, size_t room, candidates *to);

static inline __attribute__((always_inline)) candidate_block *candidates_block(const candidates *of,
                                                                               int component, int x, int y) {
    int h = of->h[component] - 1, v = of->v[component] - 1; /* 1 if an MCU has two of them that way, else 0 */
    size_t mcu = (size_t)(y >> v) * (size_t)of->mcus_across + (size_t)(x >> h);
    return of->blocks + mcu * (size_t)of->in_mcu + (size_t)(of->first[component] + ((y & v) << h) + (x & h));
}

static inline __attribute__((always_inline)) int candidate_at(candidate one) {
    return one >> CANDIDATE_AT & 63;
}

static inline __attribute__((always_inline)) uint32_t candidate_exact(candidate one) {
    return one & ((1u << CANDIDATE_AT) - 1);
}

static inline __attribute__((always_inline)) uint32_t candidate_nearest(candidate one) {
    return (candidate_exact(one) + 127) >> 8; /* halves are rounded towards zero */
}

/* The size that is written of a candidate. */
static inline __attribute__((always_inline)) uint32_t candidate_size(candidate one) {
    uint32_t choice = one >> CANDIDATE_CHOICE;
    return choice ? candidate_nearest(one) + 1 - choice : 0;
}

#endif
