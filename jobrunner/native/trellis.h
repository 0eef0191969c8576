/* Which candidates are worth their bits. */
#ifndef IMAGEBATCH_TRELLIS_H
#define IMAGEBATCH_TRELLIS_H

#include "candidates.h"

/* What is written takes so many bits, in 1/2^RATE_BITS: a symbol with its extra bits; that the rest of
 * the band is zero, after something in it; the least that a coefficient of a size takes behind a zero. */
enum { RATE_BITS = 4 };
typedef struct {
    uint32_t symbol[256], end, apart[16];
} trellis_rates;

/* trellis.c: `apart`, by the others. */
void trellis_prepare(trellis_rates *rates);
/* The candidates of a block in a band, positions `first` to `last`. `bit` is the distortion that a bit is
 * worth; `stays` as in candidates.h. */
void trellis_choose(candidate *list, int count, int first, int last, const trellis_rates *rates,
                    int32_t bit, const uint8_t stays[64]);

#endif
