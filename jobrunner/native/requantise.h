/* From coefficients to other coefficients to symbols, a block at a time. */
#ifndef IMAGEBATCH_REQUANTISE_H
#define IMAGEBATCH_REQUANTISE_H

#include "bits.h"
#include "candidates.h"

/* How to get from one quantisation table to another, for one coefficient: values below `threshold`
 * become 0, others round(value * factor / 2^32). Halves, which are frequent where one table is a
 * multiple of the other, go towards zero: as near as the other way, and fewer bytes. Those of DC go
 * to even, or flat colours would fade. */
typedef struct {
    uint32_t threshold[64];
    uint64_t factor[64];
    uint32_t dc_from, dc_target;
    int32_t lambda;       /* of candidates; see jpeg.h */
    int32_t busier;       /* what is added to it for each 1024 of a block's squares of AC values */
    uint16_t from[64];
    int fine;             /* values are in 1/2^fine */
} requantiser;

/* A block under way. */
typedef struct {
    uint64_t busy;          /* squares of its AC values */
    int last;               /* position written */
    candidate_block *chosen; /* among; null where symbols are written */
} unfinished;

/* requantise.c: from one table to another; values are in 1/2^fine. `lambda`, `busier`: see jpeg.h. */
void requantiser_prepare(const uint16_t from[64], const uint16_t target[64], int fine, int32_t lambda,
                         int32_t busier, requantiser *to);

/* Half of a squared step. Without a bound, the more there is to see in a block, as in text and dithered
 * pictures, the more of it would go: a checkerboard became gray. Photographs hardly come here. */
enum { MOST_OF_A_BIT = 1 << 15 };

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

/* A block with this DC coefficient. */
ALWAYS void begin_candidates(candidates *to, int32_t dc, unfinished *block) {
    block->chosen = to->block++;
    *block->chosen = (candidate_block){(uint32_t)(to->at - to->list), 0, (int16_t)dc, 0};
}

/* A block's DC value, after `*before` of the block before it. */
ALWAYS int begin(symbol_record *out, const requantiser *to, int chroma, int32_t value, int32_t *before,
                 unfinished *block) {
    int32_t coefficient = nearest_dc(to, value), difference = coefficient - *before;
    if (coefficient < -1024 || coefficient > 1023) return JPEG_REFUSED; /* more than it can be */
    *before = coefficient;
    block->busy = 0;
    block->last = 0;
    block->chosen = NULL;
    if (out->candidates) {
        begin_candidates(out->candidates, coefficient, block);
    } else {
        int size = bit_length(magnitude(difference));
        put(out, TABLE_DC + chroma, size, size, difference);
    }
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
                unfinished *block) {
    if (block->chosen) {
        uint64_t size = magnitude(coefficient) * (uint32_t)to->from[k];
        block->busy += size * size >> 2 * to->fine;
    }
    if (magnitude(coefficient) < to->threshold[k]) return JPEG_OK;
    uint64_t exact = magnitude(coefficient) * to->factor[k];
    int32_t rounded = (int32_t)((exact + (1ull << 31) - 1) >> 32);
    if (!rounded) return JPEG_OK;
    if (block->chosen) {
        if (rounded > 1023) return JPEG_REFUSED; /* more than a baseline coefficient can be */
        candidate one = (candidate)(exact >> 24) | (candidate)k << CANDIDATE_AT | 1u << CANDIDATE_CHOICE;
        if (!candidate_nearest(one)) return JPEG_OK; /* a hair's breadth from 1/2 */
        *out->candidates->at++ = coefficient < 0 ? one | CANDIDATE_NEGATIVE : one;
        return JPEG_OK;
    }
    return put_ac(out, TABLE_AC + chroma, k, &block->last, coefficient < 0 ? -rounded : rounded);
}

/* After all of the block's coefficients. */
ALWAYS void finish(symbol_record *out, const requantiser *to, int chroma, const unfinished *block) {
    if (block->chosen) {
        uint64_t bit = (uint64_t)to->lambda + (block->busy * (uint32_t)to->busier >> 10);
        block->chosen->bit = bit < MOST_OF_A_BIT ? (int32_t)bit : MOST_OF_A_BIT;
        block->chosen->count = (uint8_t)((uint32_t)(out->candidates->at - out->candidates->list) - block->chosen->first);
    } else if (block->last < 63) {
        put(out, TABLE_AC + chroma, 0, 0, 0);
    }
}

/* Room for as many blocks as an MCU can have. */
ALWAYS int has_room(const symbol_record *out) {
    if (out->candidates) return out->candidates->end - out->candidates->at >= MOST_BLOCKS * 63;
    return out->end - out->at >= MOST_BLOCKS * MOST_SYMBOLS;
}

#endif
