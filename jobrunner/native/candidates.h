/* What may be left of each block, kept until the scans are known that will write it. */
#ifndef IMAGEBATCH_CANDIDATES_H
#define IMAGEBATCH_CANDIDATES_H

#include "jpeg.h"

/* An AC coefficient that may stay: bits 0..19 its size in 1/256 of a step, 20..25 its zigzag position,
 * 26 set where it is negative, 28..29 what is written of it: nothing, or what it is nearest to (1), or
 * that less 1 (2). */
typedef uint32_t candidate;
enum { CANDIDATE_AT = 20, CANDIDATE_NEGATIVE = 1 << 26, CANDIDATE_CHOICE = 28 };

typedef struct {
    uint32_t first; /* of its candidates, which are in zigzag order */
    int32_t bit;    /* the distortion that a bit is worth, in squares of 1/256 of a step */
    int16_t dc;
    uint8_t count;
} candidate_block;

/* Blocks in the order in which one scan of all components would have them. */
struct candidates {
    int components, mcus_across, mcus_down, in_mcu; /* in_mcu: blocks */
    int first[MAX_COMPONENTS], h[MAX_COMPONENTS], v[MAX_COMPONENTS]; /* of a component, in an MCU */
    int columns[MAX_COMPONENTS], rows[MAX_COMPONENTS]; /* blocks that have a pixel of the image */
    uint8_t stays[MAX_COMPONENTS][64]; /* positions at which the data is as coarse: nothing more is lost */
    candidate_block *blocks, *block;  /* all; the next one to fill */
    candidate *list, *at, *end;
};

/* candidates.c: bytes that the blocks take; all but the weights, in `room` bytes of memory that is
 * aligned as for uint32_t. JPEG_NO_ROOM. */
size_t candidates_size(const jpeg_header *output);
int candidates_lay_out(const jpeg_header *output, uint8_t *memory, size_t room, candidates *to);

static inline __attribute__((always_inline)) candidate_block *candidates_block(const candidates *of,
                                                                               int component, int x, int y) {
    int h = of->h[component] - 1, v = of->v[component] - 1; /* bits of the place in an MCU: 0 or 1 */
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
    return (candidate_exact(one) + 127) >> 8; /* halves towards zero */
}

/* What is written of it, without its sign. */
static inline __attribute__((always_inline)) uint32_t candidate_size(candidate one) {
    uint32_t choice = one >> CANDIDATE_CHOICE;
    return choice ? candidate_nearest(one) + 1 - choice : 0;
}

#endif
