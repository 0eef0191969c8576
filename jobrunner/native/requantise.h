/* From coefficients to other coefficients to symbols, a block at a time. */
#ifndef IMAGEBATCH_REQUANTISE_H
#define IMAGEBATCH_REQUANTISE_H

#include "bits.h"

/* How to get from one quantisation table to another, for one coefficient: values below `threshold`
 * become 0, others round(value * factor / 2^32). Halves, which are frequent where one table is a
 * multiple of the other, go towards zero: as near as the other way, and fewer bytes. Those of DC go
 * to even, or flat colours would fade. */
typedef struct {
    uint32_t threshold[64];
    uint64_t factor[64];
    uint32_t dc_from, dc_target;
    uint8_t exact[64];    /* the data is as coarse already: nothing more may be lost */
    int32_t lambda;       /* 0: to the nearest */
    int32_t busier;       /* what is added to it for each 1024 of a block's squares of AC values */
    uint16_t from[64];
    uint8_t lengths[256]; /* of AC codes: at first those of the data or none, then those of what is written */
} requantiser;

/* A block under way: those of its coefficients that the trellis chooses among. */
typedef struct {
    uint64_t busy;
    int last, waiting;
    uint8_t at[64], sign[64], fixed[64];
    uint32_t exact[64], rounded[64];
} choice;

/* requantise.c: from one table to another, the same for all; then the lengths of AC codes, those of a
 * table or those that would be made for what was written so far. `lambda`, `busier`: see jpeg.h. */
void requantiser_prepare(const uint16_t from[64], const uint16_t target[64], int32_t lambda,
                         int32_t busier, requantiser *to);
void requantiser_lengths(const huffman_spec *ac, requantiser *to);
void requantiser_measure(const symbol_record *record, int chroma, requantiser *to);

enum { MOST_OF_A_BIT = 1 << 24 };

ALWAYS int bit_length(uint32_t value) { return value ? 32 - __builtin_clz(value) : 0; }

ALWAYS void put(symbol_record *out, int table, int value, int size, int32_t coefficient) {
    uint32_t extra = (uint32_t)(coefficient < 0 ? coefficient - 1 : coefficient) & ((1u << size) - 1);
    out->used[table][value]++;
    *out->at++ = (uint32_t)table << 24 | (uint32_t)value << 16 | extra;
}

ALWAYS uint32_t magnitude(int32_t value) { return (uint32_t)(value < 0 ? -value : value); }

static inline int32_t nearest_dc(const requantiser *to, int32_t value) {
    uint32_t size = magnitude(value) * to->dc_from; /* 32767 * 255 at most */
    uint32_t whole = size / to->dc_target, twice = 2 * (size % to->dc_target);
    whole += twice > to->dc_target || (twice == to->dc_target && (whole & 1));
    return value < 0 ? -(int32_t)whole : (int32_t)whole;
}

/* A block's DC value, after `*before` of the block before it. */
ALWAYS int put_dc(symbol_record *out, const requantiser *to, int chroma, int32_t value, int32_t *before) {
    int32_t coefficient = nearest_dc(to, value), difference = coefficient - *before;
    *before = coefficient;
    int size = bit_length(magnitude(difference));
    if (size > 11) return JPEG_REFUSED;
    put(out, TABLE_DC + chroma, size, size, difference);
    return JPEG_OK;
}

/* An AC coefficient that is not 0, after the one at `*last`. */
ALWAYS int put_ac(symbol_record *out, int table, int k, int *last, int32_t coefficient) {
    int run = k - *last - 1;
    *last = k;
    for (; run > 15; run -= 16) put(out, table, 0xF0, 0, 0);
    int size = bit_length(magnitude(coefficient));
    if (size > 10) return JPEG_REFUSED;
    put(out, table, run << 4 | size, size, coefficient);
    return JPEG_OK;
}

/* The AC coefficient at k, 1..63, which is not 0 and behind those before. */
ALWAYS int take(symbol_record *out, const requantiser *to, int chroma, int k, int32_t coefficient,
                choice *block) {
    if (to->lambda) {
        uint64_t size = magnitude(coefficient) * (uint32_t)to->from[k];
        block->busy += size * size;
    }
    if (magnitude(coefficient) < to->threshold[k]) return JPEG_OK;
    uint64_t exact = magnitude(coefficient) * to->factor[k];
    int32_t rounded = (int32_t)((exact + (1ull << 31) - 1) >> 32);
    if (!rounded) return JPEG_OK;
    if (to->lambda) {
        if (exact >> 44) return JPEG_REFUSED; /* more than a baseline coefficient can be */
        block->at[block->waiting] = (uint8_t)k;
        block->exact[block->waiting] = (uint32_t)(exact >> 24);
        block->sign[block->waiting] = coefficient < 0;
        block->fixed[block->waiting] = to->exact[k];
        block->rounded[block->waiting++] = (uint32_t)rounded;
        return JPEG_OK;
    }
    return put_ac(out, TABLE_AC + chroma, k, &block->last, coefficient < 0 ? -rounded : rounded);
}

/* After all of the block's coefficients. */
ALWAYS int finish(symbol_record *out, const requantiser *to, int chroma, choice *block) {
    if (block->waiting) {
        uint64_t bit = (uint64_t)to->lambda + (block->busy * (uint32_t)to->busier >> 10);
        trellis_choose(block->waiting, block->at, block->exact, block->fixed, to->lengths,
                       bit < MOST_OF_A_BIT ? (int32_t)bit : MOST_OF_A_BIT, block->rounded);
        for (int i = 0; i < block->waiting; i++) {
            int32_t rounded = (int32_t)block->rounded[i];
            if (rounded && put_ac(out, TABLE_AC + chroma, block->at[i], &block->last,
                                  block->sign[i] ? -rounded : rounded))
                return JPEG_REFUSED;
        }
    }
    if (block->last < 63) put(out, TABLE_AC + chroma, 0, 0, 0);
    return JPEG_OK;
}

#endif
