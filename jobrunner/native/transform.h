/* Blocks of eight by eight: cosines to samples and back (T.81, A.3.3), in floating point and in a fixed
 * order, so the same on every machine. */
#ifndef IMAGEBATCH_TRANSFORM_H
#define IMAGEBATCH_TRANSFORM_H

#include <stddef.h>
#include <stdint.h>

typedef float four __attribute__((vector_size(16)));

/* A row of eight is two of four. */
typedef union {
    float at[8][8];
    four half[8][2];
} grid;

/* The natural place, 8 * row + column, of a place in zigzag order. */
extern const uint8_t natural_place[64];

void grid_transpose(const grid *in, grid *out);

/* What grid_rounded gives is in 1/2^FINE: whole numbers would make a half of all between two steps. */
enum { FINE = 3 };

/* Frequencies to the nearest of those in zigzag order; the answer is the mask of those, DC excepted,
 * that are not less than `least`, by place. No others are set. `turned`: all is by column. */
uint64_t grid_rounded(const grid *in, int turned, const grid *least, int16_t to[64]);

/* What each of the `points` lowest frequencies has at the first half of as many places: it is the same
 * from the end of the other half, with the other sign at odd frequencies. */
typedef struct {
    int points;
    float at[8][4];
} basis;

basis basis_of(int points);

/* Coefficients, those of `mask` and DC, in `steps`, to samples: as many each way as the bases have points,
 * 1 to 8. */
void block_to_samples(const int16_t *block, uint64_t mask, const uint16_t steps[64], const basis *across,
                      const basis *down, uint8_t *to, size_t stride);

/* Eight by eight samples, `right` and `down` being the ways to the next, as grid_rounded gives them; there
 * are `width` x `height` of them, the last ones of which are repeated. `least`: by row, and by column. */
uint64_t samples_to_block(const uint8_t *from, ptrdiff_t right, ptrdiff_t down, int width, int height,
                          const grid least[2], int16_t to[64]);

#endif
