/* The discrete cosine transform of 8 x 8 blocks and its inverse (T.81, A.3.3). The order of the floating-point
 * operations is fixed, so the result is the same on every machine. */
#ifndef IMAGEBATCH_DCT_H
#define IMAGEBATCH_DCT_H

#include <stddef.h>
#include <stdint.h>

typedef float four __attribute__((vector_size(16)));

/* 8 x 8 values; a row is two vectors of four. */
typedef union {
    float at[8][8];
    four half[8][2];
} grid;

/* The place, 8 * row + column, of a position in zigzag order. */
extern const uint8_t natural_order[64];

void grid_transpose(const grid *in, grid *out);

/* Coefficients from grid_rounded are in 1/2^FINE. If they were whole numbers, all that lie between two steps of
 * the output would be halves. */
enum { FINE = 3 };

/* Round frequencies to coefficients in zigzag order. Only DC and those that are not below `least` are set;
 * returns the mask of these, without DC. `turned`: the grid is stored by columns. */
uint64_t grid_rounded(const grid *in, int turned, const grid *least, int16_t to[64]);

/* The values of the `points` lowest frequencies at the first half of `points` places. The second half mirrors
 * the first, with the opposite sign at odd frequencies. */
typedef struct {
    int points;
    float at[8][4];
} basis;

basis basis_of(int points);

/* Transform coefficients, which are those in `mask` and DC, in quantisation `steps`, to samples. In each
 * direction there are as many samples as the basis has points, 1 to 8. */
void block_to_samples(const int16_t *block, uint64_t mask, const uint16_t steps[64], const basis *across,
                      const basis *down, uint8_t *to, size_t stride);

/* Transform 8 x 8 samples to coefficients, as grid_rounded gives them. `right` and `down` are the steps to the
 * next sample in each direction. Of samples beyond `width` x `height` the nearest one inside is taken. `least`
 * is given by rows and by columns. */
uint64_t samples_to_block(const uint8_t *from, ptrdiff_t right, ptrdiff_t down, int width, int height,
                          const grid least[2], int16_t to[64]);

#endif
