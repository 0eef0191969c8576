/* Blocks that do not come in the order in which they are written, to symbols. */
#ifndef IMAGEBATCH_EMIT_H
#define IMAGEBATCH_EMIT_H

#include "requantise.h"
#include "store.h"

/* Samples of 8 bits; `right` and `down` are the ways to the next. */
typedef struct {
    const uint8_t *at;
    ptrdiff_t right, down;
    int width, height;
} samples;

/* Where the blocks of a component come from: `plane`, if it has samples, or what is stored. */
typedef struct {
    requantiser to;
    const uint16_t *steps; /* of what is stored */
    halving by;
    int width, height;     /* of what is halved: its samples that are seen */
    samples plane;
    grid least[2];         /* what is less becomes 0: by row, and by column */
    int h, v;              /* blocks in an MCU of the output */
    int32_t dc_out;
} source;

typedef struct {
    const jpeg_header *output;
    const store *of;       /* null where there are planes */
    source from[MAX_COMPONENTS];
} emitter;

/* What is written; then each component, of stored blocks in `steps`, or `made` of those or of a plane: `by`
 * with the size, or `plane`, are for the caller to set, then. */
void emitter_begin(const jpeg_header *output, const store *of, emitter *to);
void emitter_component(int component, const uint16_t steps[64], int made, const uint16_t target[2][64],
                       const int32_t lambda[4], emitter *to);
/* The next row of MCUs of the output. */
int emitter_band(int number, emitter *from, symbol_record *out);

#endif
