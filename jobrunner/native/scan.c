/* The scan: entropy-coded data to coefficients, to other coefficients, to symbols. */
#include "jpeg.h"

/* bits: the low `count` bits are unread. Behind a marker zeros are read; `made_up` counts them, and
 * a block that consumed one is refused. */
typedef struct {
    const uint8_t *at, *end;
    uint64_t bits;
    int count, made_up;
} bit_reader;

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
    uint8_t lengths[256]; /* of AC codes: those of the data, then those of what is written */
} requantiser;

static inline __attribute__((always_inline)) void fill(bit_reader *in) {
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

static inline __attribute__((always_inline)) uint32_t peek(const bit_reader *in, int n) {
    return (uint32_t)(in->bits >> (in->count - n)) & ((1u << n) - 1);
}

static inline __attribute__((always_inline)) int32_t extended(bit_reader *in, int size) {
    int32_t value = (int32_t)peek(in, size);
    in->count -= size;
    return value < 1 << (size - 1) ? value - (1 << size) + 1 : value;
}

/* A symbol whose code is longer than LOOK_BITS; -1 where there is none. */
static int long_code(bit_reader *in, const huffman_decoder *table) {
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

static inline __attribute__((always_inline)) int bit_length(uint32_t value) {
    return value ? 32 - __builtin_clz(value) : 0;
}

static inline __attribute__((always_inline)) void put(symbol_record *out, int table, int value,
                                                      int size, int32_t coefficient) {
    uint32_t extra = (uint32_t)(coefficient < 0 ? coefficient - 1 : coefficient) & ((1u << size) - 1);
    out->used[table][value]++;
    *out->at++ = (uint32_t)table << 24 | (uint32_t)value << 16 | extra;
}

static inline __attribute__((always_inline)) uint32_t magnitude(int32_t value) {
    return (uint32_t)(value < 0 ? -value : value);
}

static inline __attribute__((always_inline)) uint64_t exactly(const requantiser *to, int k,
                                                              int32_t value) {
    return magnitude(value) * to->factor[k];
}

static inline __attribute__((always_inline)) int32_t nearest(uint64_t exact) {
    return (int32_t)((exact + (1ull << 31) - 1) >> 32);
}

static inline int32_t nearest_dc(const requantiser *to, int32_t value) {
    uint32_t size = magnitude(value) * to->dc_from; /* 32767 * 255 at most */
    uint32_t whole = size / to->dc_target, twice = 2 * (size % to->dc_target);
    whole += twice > to->dc_target || (twice == to->dc_target && (whole & 1));
    return value < 0 ? -(int32_t)whole : (int32_t)whole;
}

/* An AC coefficient that is not 0, after the one at `*last`. */
static inline __attribute__((always_inline)) int put_ac(symbol_record *out, int table, int k, int *last,
                                                        int32_t coefficient) {
    int run = k - *last - 1;
    *last = k;
    for (; run > 15; run -= 16) put(out, table, 0xF0, 0, 0);
    int size = bit_length(magnitude(coefficient));
    if (size > 10) return JPEG_REFUSED;
    put(out, table, run << 4 | size, size, coefficient);
    return JPEG_OK;
}

enum { MOST_OF_A_BIT = 1 << 24 };

/* One block; room for 66 symbols is there. */
static int block(bit_reader *in, const huffman_decoder *dc, const huffman_decoder *ac,
                 const requantiser *to, int chroma, int32_t *dc_in, int32_t *dc_out,
                 symbol_record *out) {
    fill(in);
    uint32_t entry = dc->look[peek(in, LOOK_BITS)];
    int size, value;
    if (entry & 0x80) {
        in->count -= entry & 63;
        *dc_in += (int16_t)(entry >> 16);
    } else {
        if (entry) {
            in->count -= entry & 63;
            size = entry >> 8 & 0xFF;
        } else if ((size = long_code(in, dc)) < 0) {
            return JPEG_REFUSED;
        }
        if (size) *dc_in += extended(in, size);
    }
    if (*dc_in < -32767 || *dc_in > 32767) return JPEG_REFUSED;
    int32_t coefficient = nearest_dc(to, *dc_in);
    int32_t difference = coefficient - *dc_out;
    *dc_out = coefficient;
    size = bit_length((uint32_t)(difference < 0 ? -difference : difference));
    if (size > 11) return JPEG_REFUSED;
    put(out, TABLE_DC + chroma, size, size, difference);

    uint64_t busy = 0;
    int last = 0, waiting = 0; /* those that the trellis chooses among */
    uint8_t waiting_at[64], waiting_sign[64], waiting_fixed[64];
    uint32_t waiting_exact[64], waiting_rounded[64];
    for (int k = 1; k < 64; k++) {
        fill(in);
        entry = ac->look[peek(in, LOOK_BITS)];
        if (entry & 0x80) {
            in->count -= entry & 63;
            k += entry >> 12 & 15;
            coefficient = (int16_t)(entry >> 16);
        } else {
            if (entry) {
                in->count -= entry & 63;
                value = entry >> 8 & 0xFF;
            } else if ((value = long_code(in, ac)) < 0) {
                return JPEG_REFUSED;
            }
            if (value == 0) break; /* the rest is zero */
            k += value >> 4;
            if (!(value & 15)) {
                if (value != 0xF0) return JPEG_REFUSED;
                continue; /* sixteen zeros */
            }
            coefficient = extended(in, value & 15);
        }
        if (k > 63) return JPEG_REFUSED;
        if (to->lambda) {
            uint64_t size = magnitude(coefficient) * (uint32_t)to->from[k];
            busy += size * size;
        }
        if (magnitude(coefficient) < to->threshold[k]) continue;
        uint64_t exact = exactly(to, k, coefficient);
        int32_t rounded = nearest(exact);
        if (!rounded) continue;
        if (to->lambda) {
            if (exact >> 44) return JPEG_REFUSED; /* more than a baseline coefficient can be */
            waiting_at[waiting] = (uint8_t)k;
            waiting_exact[waiting] = (uint32_t)(exact >> 24);
            waiting_sign[waiting] = coefficient < 0;
            waiting_fixed[waiting] = to->exact[k];
            waiting_rounded[waiting++] = (uint32_t)rounded;
            continue;
        }
        if (put_ac(out, TABLE_AC + chroma, k, &last, coefficient < 0 ? -rounded : rounded))
            return JPEG_REFUSED;
    }
    if (waiting) {
        uint64_t bit = (uint64_t)to->lambda + (busy * (uint32_t)to->busier >> 10);
        trellis_choose(waiting, waiting_at, waiting_exact, waiting_fixed, to->lengths,
                       bit < MOST_OF_A_BIT ? (int32_t)bit : MOST_OF_A_BIT, waiting_rounded);
        for (int i = 0; i < waiting; i++) {
            int32_t rounded = (int32_t)waiting_rounded[i];
            if (rounded && put_ac(out, TABLE_AC + chroma, waiting_at[i], &last,
                                  waiting_sign[i] ? -rounded : rounded))
                return JPEG_REFUSED;
        }
    }
    if (last < 63) put(out, TABLE_AC + chroma, 0, 0, 0);
    return JPEG_OK;
}

/* At a marker, with less than a byte of padding before it and nothing made up consumed: its code,
 * which is then passed; else -1. */
static int marker(bit_reader *in) {
    int unread = in->count - in->made_up;
    if (unread < 0 || unread > 7) return -1;
    const uint8_t *p = in->at;
    while (in->end - p >= 2 && p[0] == 0xFF && p[1] == 0xFF) p++; /* fill bytes */
    if (in->end - p < 2 || p[0] != 0xFF) return -1;
    in->at = p + 2;
    in->bits = 0;
    in->count = in->made_up = 0;
    return p[1];
}

static void prepare(const uint16_t from[64], const uint16_t target[64], const huffman_spec *ac,
                    int32_t lambda, int32_t busier, requantiser *to) {
    int exact = 0;
    to->dc_from = from[0];
    to->dc_target = target[0];
    for (int k = 1; k < 64; k++) exact += to->exact[k] = from[k] == target[k];
    to->lambda = exact < 63 ? lambda : 0;
    to->busier = busier;
    for (int k = 0; k < 64; k++) to->from[k] = from[k];
    for (int i = 0; i < 256; i++) to->lengths[i] = 16;
    for (int length = 1, i = 0; length <= 16; length++)
        for (int n = 0; n < ac->counts[length]; n++) to->lengths[ac->symbols[i++]] = (uint8_t)length;
    for (int k = 0; k < 64; k++) {
        to->factor[k] = ((uint64_t)from[k] << 32) / target[k];
        /* the least value with value * from / target > 1/2 */
        to->threshold[k] = target[k] / (2u * from[k]) + 1;
    }
}

/* Code lengths that would be made for what has been written so far. */
static void estimate(const uint32_t used[257], uint8_t lengths[256]) {
    uint32_t so_far[257];
    huffman_spec spec;
    huffman_encoder encoder;
    for (int i = 0; i < 257; i++) so_far[i] = used[i];
    huffman_optimal(so_far, &spec);
    huffman_for_encoding(&spec, &encoder);
    for (int i = 0; i < 256; i++) lengths[i] = encoder.length[i] ? encoder.length[i] : 16;
}

int jpeg_requantise(const jpeg_header *header, const uint16_t target[2][64],
                    const int32_t lambda[4], symbol_record *record) {
    huffman_decoder dc[MAX_COMPONENTS], ac[MAX_COMPONENTS];
    requantiser to[MAX_COMPONENTS];
    int32_t dc_in[MAX_COMPONENTS] = {0}, dc_out[MAX_COMPONENTS] = {0};
    int components = header->components, blocks[MAX_COMPONENTS];
    int across = 8, down = 8; /* pixels of an MCU; one component alone has MCUs of one block */
    for (int i = 0; i < components; i++) {
        const component *one = &header->component[i];
        if (huffman_for_decoding(&header->dc[one->dc], 0, &dc[i]) ||
            huffman_for_decoding(&header->ac[one->ac], 1, &ac[i]))
            return JPEG_REFUSED;
        prepare(header->quantisation[one->quantisation], target[i > 0], &header->ac[one->ac],
                lambda[i > 0], lambda[2 + (i > 0)], &to[i]);
        blocks[i] = components == 1 ? 1 : one->h * one->v;
    }
    if (components > 1) {
        across *= header->component[0].h;
        down *= header->component[0].v;
    }
    int64_t columns = (header->width + across - 1) / across;
    int64_t rows = (header->height + down - 1) / down;
    bit_reader in = {header->scan, header->end, 0, 0, 0};
    int until_restart = header->restart_interval, restart = 0;
    int64_t measure_at = 256; /* MCUs after which code lengths are estimated anew, then 4 times more */
    for (int64_t mcu = 0; mcu < columns * rows; mcu++) {
        if (mcu == measure_at) {
            measure_at *= 4;
            for (int i = 0; i < components; i++)
                if (to[i].lambda) estimate(record->used[TABLE_AC + (i > 0)], to[i].lengths);
        }
        if (header->restart_interval && until_restart-- == 0) {
            if (marker(&in) != 0xD0 + restart) return JPEG_REFUSED;
            restart = (restart + 1) & 7;
            until_restart = header->restart_interval - 1;
            for (int i = 0; i < components; i++) dc_in[i] = 0;
        }
        if (record->end - record->at < 6 * 66) return JPEG_NO_ROOM;
        for (int i = 0; i < components; i++) {
            for (int n = 0; n < blocks[i]; n++) {
                if (block(&in, &dc[i], &ac[i], &to[i], i > 0, &dc_in[i], &dc_out[i], record))
                    return JPEG_REFUSED;
            }
        }
        if (in.made_up > in.count) return JPEG_REFUSED; /* it ended too early */
    }
    return marker(&in) == 0xD9 ? JPEG_OK : JPEG_REFUSED;
}
