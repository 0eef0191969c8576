/* Read the bits of entropy-coded data (T.81, F.2.2.5). */
#ifndef IMAGEBATCH_BITS_H
#define IMAGEBATCH_BITS_H

#include "jpeg.h"

#define ALWAYS static inline __attribute__((always_inline))

ALWAYS int bit_length(uint32_t value) { return value ? 32 - __builtin_clz(value) : 0; }

/* Past a marker zeros are read. A block that consumes one of them is refused. */
typedef struct {
    const uint8_t *at, *end;
    uint64_t bits; /* the low `count` bits are unread */
    int count;
    int made_up; /* zeros among them that the data does not have */
} bit_reader;

/* Read bytes until at least 32 bits are unread. */
ALWAYS void fill_bits(bit_reader *in) {
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

/* The next n bits, 1 to 32, after fill_bits(). They stay unread. */
ALWAYS uint32_t peek_bits(const bit_reader *in, int n) {
    return (uint32_t)(in->bits >> (in->count - n)) & ((1u << n) - 1);
}

/* Read n bits, 0 to 31. */
ALWAYS uint32_t read_bits(bit_reader *in, int n) {
    in->count -= n;
    return (uint32_t)(in->bits >> in->count) & ((1u << n) - 1);
}

/* Read `size` bits as a signed value (T.81, F.2.2.1, EXTEND). */
ALWAYS int32_t read_signed(bit_reader *in, int size) {
    int32_t value = (int32_t)read_bits(in, size);
    return value < 1 << (size - 1) ? value - (1 << size) + 1 : value;
}

/* Read a symbol whose code is longer than LOOK_BITS; -1 if there is no such code. */
static inline int read_long_code(bit_reader *in, const huffman_decoder *table) {
    for (int length = LOOK_BITS + 1; length <= 16; length++) {
        int32_t code = (int32_t)peek_bits(in, length);
        if (table->max_code[length] >= 0 && code <= table->max_code[length]) {
            int index = code + table->value_from[length];
            if (index < 0 || index >= table->total) return -1;
            in->count -= length;
            return table->symbols[index];
        }
    }
    return -1;
}

/* Read a DC difference (T.81, F.2.2.1) and add it to `*value`, which must stay within 16 bits. */
ALWAYS int read_dc(bit_reader *in, const huffman_decoder *table, int32_t *value) {
    fill_bits(in);
    uint32_t entry = table->look[peek_bits(in, LOOK_BITS)];
    if (entry & 0x80) {
        in->count -= entry & 63;
        *value += (int16_t)(entry >> 16);
    } else {
        int size;
        if (entry) {
            in->count -= entry & 63;
            size = entry >> 8 & 0xFF;
        } else if ((size = read_long_code(in, table)) < 0) {
            return JPEG_REFUSED;
        }
        if (size) *value += read_signed(in, size);
    }
    return *value < -32767 || *value > 32767 ? JPEG_REFUSED : JPEG_OK;
}

/* Read an AC code and return its symbol or a negative code. `*value` is the coefficient whose extra bits
 * follow, or 0 if the symbol has no coefficient; other extra bits are then still unread. */
ALWAYS int read_ac(bit_reader *in, const huffman_decoder *table, int32_t *value) {
    fill_bits(in);
    uint32_t entry = table->look[peek_bits(in, LOOK_BITS)];
    int code = entry >> 8 & 0xFF;
    *value = 0;
    if (entry & 0x80) {
        in->count -= entry & 63;
        *value = (int16_t)(entry >> 16);
        return code;
    }
    if (entry)
        in->count -= entry & 63;
    else if ((code = read_long_code(in, table)) < 0)
        return JPEG_REFUSED;
    if (code & 15) *value = read_signed(in, code & 15);
    return code;
}

/* Read the next AC coefficient of a sequential block that is not 0. `*k` is the position of the one before
 * it and becomes its own. Returns 1 if there is one, 0 at the end of the block, or a negative code. */
ALWAYS int read_value(bit_reader *in, const huffman_decoder *table, int *k, int32_t *value) {
    while (*k < 63) {
        int code = read_ac(in, table, value);
        *k += (code >> 4) + 1;
        if (*value) return *k > 63 ? JPEG_REFUSED : 1;
        if (code == 0) return 0; /* end of block */
        if (code != 0xF0) return JPEG_REFUSED; /* 0xF0 stands for sixteen zeros */
    }
    return 0;
}

/* Whether a scan may end here: less than a byte is unread, and no made-up bit was consumed. */
ALWAYS int is_byte_end(const bit_reader *in) {
    int unread = in->count - in->made_up;
    return unread >= 0 && unread <= 7;
}

/* Read a marker where a scan may end, and return its code; -1 if there is none. */
static inline int read_marker(bit_reader *in) {
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
