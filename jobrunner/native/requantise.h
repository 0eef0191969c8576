/* Requantise coefficients, a block at a time, and record them as symbols or as candidates. */
#ifndef IMAGEBATCH_REQUANTISE_H
#define IMAGEBATCH_REQUANTISE_H

#include "bits.h"
#include "candidates.h"

/* How to get from one quantisation table to another. Values below `threshold` become 0, others become
 * round(value * factor / 2^32). Halves are frequent where one table is a multiple of the other. They are
 * rounded towards zero, which is as near and takes fewer bytes; those of DC are rounded to even, or flat
 * colours would fade. */
typedef struct {
    uint32_t threshold[64];
    uint64_t factor[64];
    uint32_t dc_from, dc_target; /* the DC steps of the input and of the output */
    int32_t lambda, busier;      /* for candidates: requantise_direct in jpeg.h describes both */
    uint16_t from[64];           /* the steps of the input */
    int fine;                    /* values of the input are in 1/2^fine */
} requantiser;

/* The block that is being recorded. */
typedef struct {
    uint64_t busy;           /* sum of the squares of its AC values */
    int last;                /* the last position that was recorded */
    candidate_block *chosen; /* its candidates; null if symbols are recorded */
} open_block;

/* requantise.c: prepare to requantise from one table to another. */
void requantiser_prepare(const uint16_t from[64], const uint16_t target[64], int fine, int32_t lambda,
                         int32_t busier, requantiser *to);

/* The most that a bit is worth: half of a squared step. The more there is to see in a block, the more a bit
 * is worth. Without this limit text and dithered pictures would lose their detail: a checkerboard became
 * gray. Photographs hardly reach it. */
enum { MOST_OF_A_BIT = 1 << 15 };

/* Record a symbol and the extra bits of a coefficient. */
ALWAYS void put_symbol(symbol_record *out, int table, int value, int size, int32_t coefficient) {
    uint32_t extra = (uint32_t)(coefficient < 0 ? coefficient - 1 : coefficient) & ((1u << size) - 1);
    out->used[table][value]++;
    *out->at++ = (uint32_t)table << 24 | (uint32_t)value << 16 | extra;
}

ALWAYS uint32_t magnitude(int32_t value) { return (uint32_t)(value < 0 ? -value : value); }

/* A DC value in the steps of the output. */
static inline int32_t nearest_dc(const requantiser *to, int32_t value) {
    uint32_t size = magnitude(value) * to->dc_from; /* 32767 * 255 at most */
    uint32_t whole = size / to->dc_target, twice = 2 * (size % to->dc_target);
    whole += twice > to->dc_target || (twice == to->dc_target && (whole & 1));
    return value < 0 ? -(int32_t)whole : (int32_t)whole;
}

/* Begin a block of candidates with this DC coefficient. */
ALWAYS void begin_candidate_block(candidates *to, int32_t dc, open_block *block) {
    block->chosen = to->block++;
    *block->chosen = (candidate_block){(uint32_t)(to->at - to->list), 0, (int16_t)dc, 0};
}

/* Begin a block with its DC value. `*before` is the DC coefficient of the previous block and becomes its own. */
ALWAYS int begin_block(symbol_record *out, const requantiser *to, int chroma, int32_t value, int32_t *before,
                       open_block *block) {
    int32_t coefficient = nearest_dc(to, value), difference = coefficient - *before;
    if (coefficient < -1024 || coefficient > 1023) return JPEG_REFUSED; /* out of range */
    *before = coefficient;
    block->busy = 0;
    block->last = 0;
    block->chosen = NULL;
    if (out->candidates) {
        begin_candidate_block(out->candidates, coefficient, block);
    } else {
        int size = bit_length(magnitude(difference));
        put_symbol(out, TABLE_DC + chroma, size, size, difference);
    }
    return JPEG_OK;
}

/* Record an AC coefficient that is not 0. `*last` is the position of the one before it and becomes its own. */
ALWAYS int put_ac(symbol_record *out, int table, int k, int *last, int32_t coefficient) {
    int run = k - *last - 1;
    *last = k;
    for (; run > 15; run -= 16) put_symbol(out, table, 0xF0, 0, 0);
    int size = bit_length(magnitude(coefficient));
    if (size > 10) return JPEG_REFUSED;
    put_symbol(out, table, run << 4 | size, size, coefficient);
    return JPEG_OK;
}

/* Requantise and record the AC value at position k, 1 to 63. It is not 0, and positions ascend. */
ALWAYS int requantise_value(symbol_record *out, const requantiser *to, int chroma, int k, int32_t coefficient,
                            open_block *block) {
    if (block->chosen) {
        uint64_t size = magnitude(coefficient) * (uint32_t)to->from[k];
        block->busy += size * size >> 2 * to->fine;
    }
    if (magnitude(coefficient) < to->threshold[k]) return JPEG_OK;
    uint64_t exact = magnitude(coefficient) * to->factor[k];
    int32_t rounded = (int32_t)((exact + (1ull << 31) - 1) >> 32);
    if (!rounded) return JPEG_OK;
    if (block->chosen) {
        if (rounded > 1023) return JPEG_REFUSED; /* out of range for a baseline JPEG */
        candidate one = (candidate)(exact >> 24) | (candidate)k << CANDIDATE_AT | 1u << CANDIDATE_CHOICE;
        if (!candidate_nearest(one)) return JPEG_OK; /* just above 1/2, which 1/256 of a step cannot tell */
        *out->candidates->at++ = coefficient < 0 ? one | CANDIDATE_NEGATIVE : one;
        return JPEG_OK;
    }
    return put_ac(out, TABLE_AC + chroma, k, &block->last, coefficient < 0 ? -rounded : rounded);
}

/* End the block. */
ALWAYS void finish_block(symbol_record *out, const requantiser *to, int chroma, const open_block *block) {
    if (block->chosen) {
        uint64_t bit = (uint64_t)to->lambda + (block->busy * (uint32_t)to->busier >> 10);
        block->chosen->bit = bit < MOST_OF_A_BIT ? (int32_t)bit : MOST_OF_A_BIT;
        uint32_t end = (uint32_t)(out->candidates->at - out->candidates->list);
        block->chosen->count = (uint8_t)(end - block->chosen->first);
    } else if (block->last < 63) {
        put_symbol(out, TABLE_AC + chroma, 0, 0, 0);
    }
}

/* Whether there is room for all blocks of an MCU. */
ALWAYS int has_room(const symbol_record *out) {
    if (out->candidates) return out->candidates->end - out->candidates->at >= MOST_BLOCKS * 63;
    return out->end - out->at >= MOST_BLOCKS * MOST_SYMBOLS;
}

#endif
