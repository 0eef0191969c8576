/* The bits of entropy-coded data (T.81, F.2.2.5), for those who decode a scan. */
#ifndef IMAGEBATCH_BITS_H
#define IMAGEBATCH_BITS_H

#include "jpeg.h"

#define ALWAYS static inline __attribute__((always_inline))

ALWAYS int bit_length(uint32_t value) { return value ? 32 - __builtin_clz(value) : 0; }

/* bits: the low `count` bits are unread. Behind a marker zeros are read; `made_up` counts them, and
 * a block that consumed one is refused. */
typedef struct {
    const uint8_t *at, *end;
    uint64_t bits;
    int count, made_up;
} bit_reader;

ALWAYS void fill(bit_reader *in) {
    if (in->count >= 32) return;
    if (in->end - in->at >= 4) {
        const uint8_t *p = in->at;
        uint32_t word = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
        uint32_t other = ~word;
        if (!((other - 0x01010101u) & word & 0x80808080u)) { /* no byte is FF */
            in->bits = in->bits << 32 | word;
            in->count += 32;
            in->at += 4;
            return;
        }
    }
    while (in->count < 32) {
        uint8_t byte = 0;
        if (in->at < in->end && *in->at != 0xFF) {
            byte = *in->at++;
        } else if (in->end - in->at >= 2 && in->at[1] == 0) { /* a stuffed FF */
            byte = 0xFF;
            in->at += 2;
        } else {
            in->made_up += 8;
        }
        in->bits = in->bits << 8 | byte;
        in->count += 8;
    }
}

/* 1 to 32 bits, which are there after fill(). */
ALWAYS uint32_t peek(const bit_reader *in, int n) {
    return (uint32_t)(in->bits >> (in->count - n)) & ((1u << n) - 1);
}

/* Fewer than 32 bits, or none. */
ALWAYS uint32_t taken(bit_reader *in, int n) {
    in->count -= n;
    return (uint32_t)(in->bits >> in->count) & ((1u << n) - 1);
}

ALWAYS int32_t extended(bit_reader *in, int size) {
    int32_t value = (int32_t)taken(in, size);
    return value < 1 << (size - 1) ? value - (1 << size) + 1 : value;
}

/* A symbol whose code is longer than LOOK_BITS; -1 where there is none. */
static inline int long_code(bit_reader *in, const huffman_decoder *table) {
    for (int length = LOOK_BITS + 1; length <= 16; length++) {
        int32_t code = (int32_t)peek(in, length);
        if (table->max_code[length] >= 0 && code <= table->max_code[length]) {
            int index = code + table->value_from[length];
            if (index < 0 || index >= table->total) return -1;
            in->count -= length;
            return table->symbols[index];
        }
    }
    return -1;
}

/* A DC difference (T.81, F.2.2.1) added to `*value`, which stays within 16 bits. */
ALWAYS int next_dc(bit_reader *in, const huffman_decoder *table, int32_t *value) {
    fill(in);
    uint32_t entry = table->look[peek(in, LOOK_BITS)];
    if (entry & 0x80) {
        in->count -= entry & 63;
        *value += (int16_t)(entry >> 16);
    } else {
        int size;
        if (entry) {
            in->count -= entry & 63;
            size = entry >> 8 & 0xFF;
        } else if ((size = long_code(in, table)) < 0) {
            return JPEG_REFUSED;
        }
        if (size) *value += extended(in, size);
    }
    return *value < -32767 || *value > 32767 ? JPEG_REFUSED : JPEG_OK;
}

/* The symbol of an AC code, or a negative code; where its extra bits are those of a coefficient, that
 * is `*value`, else 0, and they are still to be read. */
ALWAYS int next_ac(bit_reader *in, const huffman_decoder *table, int32_t *value) {
    fill(in);
    uint32_t entry = table->look[peek(in, LOOK_BITS)];
    int code = entry >> 8 & 0xFF;
    *value = 0;
    if (entry & 0x80) {
        in->count -= entry & 63;
        *value = (int16_t)(entry >> 16);
        return code;
    }
    if (entry)
        in->count -= entry & 63;
    else if ((code = long_code(in, table)) < 0)
        return JPEG_REFUSED;
    if (code & 15) *value = extended(in, code & 15);
    return code;
}

/* The next AC value of a sequential block that is not 0, behind the place `*k`, which becomes its own:
 * whether there is one, or a negative code. */
ALWAYS int next_value(bit_reader *in, const huffman_decoder *table, int *k, int32_t *value) {
    while (*k < 63) {
        int code = next_ac(in, table, value);
        *k += (code >> 4) + 1;
        if (*value) return *k > 63 ? JPEG_REFUSED : 1;
        if (code == 0) return 0; /* the rest is zero */
        if (code != 0xF0) return JPEG_REFUSED; /* else sixteen zeros */
    }
    return 0;
}

/* Whether a scan may end here: less than a byte of padding is unread and nothing made up consumed. */
ALWAYS int is_byte_end(const bit_reader *in) {
    int unread = in->count - in->made_up;
    return unread >= 0 && unread <= 7;
}

/* At such an end and at a marker: its code, which is then passed; else -1. */
static inline int marker(bit_reader *in) {
    if (!is_byte_end(in)) return -1;
    const uint8_t *p = in->at;
    while (in->end - p >= 2 && p[0] == 0xFF && p[1] == 0xFF) p++; /* fill bytes */
    if (in->end - p < 2 || p[0] != 0xFF) return -1;
    in->at = p + 2;
    in->bits = 0;
    in->count = in->made_up = 0;
    return p[1];
}

#endif
