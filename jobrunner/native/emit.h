/* Record blocks that are not read in the order in which they are written. */
#ifndef IMAGEBATCH_EMIT_H
#define IMAGEBATCH_EMIT_H

#include "requantise.h"
#include "store.h"

/* A plane of 8-bit samples. `right` and `down` are the steps to the next sample in each direction. */
typedef struct {
    const uint8_t *at;
    ptrdiff_t right, down;
    int width, height;
} sample_walk;

/* Where the blocks of a component come from: from `plane`, if it has samples, or from the block store. */
typedef struct {
    requantiser to;
    const uint16_t *steps; /* quantisation steps of the stored blocks */
    halving by;
    int width, height;     /* of chroma that is halved: the samples that belong to the image */
    sample_walk plane;
    grid least[2];         /* coefficients below become 0; by rows, and by columns */
    int h, v;              /* blocks in an MCU of the output, in each direction */
    int32_t dc_out;
} source;

typedef struct {
    const jpeg_header *output;
    const store *of;       /* null if all components come from planes */
    source from[MAX_COMPONENTS];
} emitter;

/* Set the emitter up: first the output, then each component. `steps` are those of its stored blocks. `made` is
 * set if blocks are computed, by halving or from a plane; the caller then sets `by`, `width` and `height`, or
 * `plane`. */
void emitter_begin(const jpeg_header *output, const store *of, emitter *to);
void emitter_component(int component, const uint16_t steps[64], int made, const uint16_t target[2][64],
                       const int32_t lambda[4], emitter *to);
/* Record the row of MCUs of that number. */
int emitter_band(int number, emitter *from, symbol_record *out);

#endif
