/* Write entropy-coded bytes, with a 0 after each FF (T.81, F.1.2.3). Each function needs room for 8 bytes and
 * returns where the next byte goes. */
#ifndef IMAGEBATCH_STUFFING_H
#define IMAGEBATCH_STUFFING_H

#include "bits.h"

/* Write 32 bits. */
ALWAYS uint8_t *put_word(uint8_t *at, uint32_t word) {
    if (!((~word - 0x01010101u) & word & 0x80808080u)) { /* no byte is FF */
        at[0] = (uint8_t)(word >> 24);
        at[1] = (uint8_t)(word >> 16);
        at[2] = (uint8_t)(word >> 8);
        at[3] = (uint8_t)word;
        return at + 4;
    }
    for (int shift = 24; shift >= 0; shift -= 8) {
        *at = (uint8_t)(word >> shift);
        if (*at++ == 0xFF) *at++ = 0;
    }
    return at;
}

/* Write the last bits, the low `count` of `bits`, fewer than 32, and fill their byte with ones. */
static inline uint8_t *put_rest(uint8_t *at, uint64_t bits, int count) {
    int padding = -count & 7;
    bits = bits << padding | ((1u << padding) - 1);
    for (count += padding; count > 0; count -= 8) {
        *at = (uint8_t)(bits >> (count - 8));
        if (*at++ == 0xFF) *at++ = 0;
    }
    return at;
}

#endif
