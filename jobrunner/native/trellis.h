/* Choose the candidates that are worth their bits. */
#ifndef IMAGEBATCH_TRELLIS_H
#define IMAGEBATCH_TRELLIS_H

#include "candidates.h"

/* Numbers of bits, in 1/2^RATE_BITS. */
enum { RATE_BITS = 4 };
typedef struct {
    uint32_t symbol[256]; /* a symbol with its extra bits */
    uint32_t end;         /* the end of a block that has coefficients in the band */
    uint32_t apart[16];   /* the fewest that a coefficient of each size takes after at least one zero */
} trellis_rates;

/* trellis.c: set `apart` by the other rates. */
void trellis_prepare(trellis_rates *rates);
/* Choose among the candidates of a block in a band, the positions `first` to `last`. `bit` is the distortion
 * that one bit is worth; `stays` is described in candidates.h. */
void trellis_choose(candidate *list, int count, int first, int last, const trellis_rates *rates,
                    int32_t bit, const uint8_t stays[64]);

#endif
