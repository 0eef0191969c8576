/* A baseline JPEG of recorded symbols. */
#include "jpeg.h"

typedef struct {
    uint8_t *at, *end;
} writer;

static void byte(writer *out, int value) {
    if (out->at < out->end) *out->at = (uint8_t)value;
    out->at += out->at < out->end;
}

static void segment(writer *out, int marker, int length) {
    byte(out, 0xFF);
    byte(out, marker);
    byte(out, (length + 2) >> 8);
    byte(out, (length + 2) & 0xFF);
}

static void quantisation(writer *out, int number, const uint16_t table[64]) {
    segment(out, 0xDB, 65);
    byte(out, number);
    for (int k = 0; k < 64; k++) byte(out, table[k]);
}

static void huffman(writer *out, int number, const huffman_spec *table) {
    segment(out, 0xC4, 17 + table->total);
    byte(out, number);
    for (int length = 1; length <= 16; length++) byte(out, table->counts[length]);
    for (int i = 0; i < table->total; i++) byte(out, table->symbols[i]);
}

static void headers(writer *out, const jpeg_header *header, const uint16_t target[2][64],
                    const huffman_spec specs[4]) {
    static const uint8_t jfif[14] = {'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0};
    int components = header->components, tables = components > 1 ? 2 : 1;
    byte(out, 0xFF);
    byte(out, 0xD8);
    segment(out, 0xE0, sizeof jfif);
    for (size_t i = 0; i < sizeof jfif; i++) byte(out, jfif[i]);
    for (int i = 0; i < tables; i++) quantisation(out, i, target[i]);
    segment(out, 0xC0, 6 + 3 * components);
    byte(out, 8);
    byte(out, header->height >> 8);
    byte(out, header->height & 0xFF);
    byte(out, header->width >> 8);
    byte(out, header->width & 0xFF);
    byte(out, components);
    for (int i = 0; i < components; i++) {
        const component *one = &header->component[i];
        byte(out, i + 1);
        byte(out, components > 1 ? one->h << 4 | one->v : 0x11);
        byte(out, i > 0);
    }
    for (int i = 0; i < tables; i++) {
        huffman(out, i, &specs[TABLE_DC + i]);
        huffman(out, 0x10 | i, &specs[TABLE_AC + i]);
    }
    segment(out, 0xDA, 4 + 2 * components);
    byte(out, components);
    for (int i = 0; i < components; i++) {
        byte(out, i + 1);
        byte(out, i > 0 ? 0x11 : 0);
    }
    byte(out, 0);
    byte(out, 63);
    byte(out, 0);
}

int64_t jpeg_write(const jpeg_header *header, const uint16_t target[2][64], symbol *first,
                   symbol_record *record, uint8_t *out, size_t room) {
    huffman_spec specs[4];
    huffman_encoder encoders[4];
    for (int i = 0; i < 4; i++) {
        huffman_optimal(record->used[i], &specs[i]);
        huffman_for_encoding(&specs[i], &encoders[i]);
    }
    writer to = {out, out + room};
    headers(&to, header, target, specs);
    uint8_t *at = to.at, *end = to.end;
    uint64_t bits = 0;
    int count = 0;
    for (const symbol *one = first; one < record->at; one++) {
        const huffman_encoder *table = &encoders[*one >> 24];
        uint32_t value = *one >> 16 & 0xFF;
        int extra = value & 15;
        bits = (bits << table->length[value] | table->code[value]) << extra | (*one & 0xFFFF);
        count += table->length[value] + extra; /* at most 31 + 27 */
        if (count < 32) continue;
        if (end - at < 16) return JPEG_NO_ROOM;
        count -= 32;
        uint32_t word = (uint32_t)(bits >> count);
        if (!((~word - 0x01010101u) & word & 0x80808080u)) { /* no byte is FF */
            at[0] = (uint8_t)(word >> 24);
            at[1] = (uint8_t)(word >> 16);
            at[2] = (uint8_t)(word >> 8);
            at[3] = (uint8_t)word;
            at += 4;
            continue;
        }
        for (int shift = 24; shift >= 0; shift -= 8) {
            *at = (uint8_t)(word >> shift);
            if (*at++ == 0xFF) *at++ = 0;
        }
    }
    if (end - at < 16) return JPEG_NO_ROOM;
    int padding = -count & 7; /* ones fill the last byte */
    bits = bits << padding | ((1u << padding) - 1);
    for (count += padding; count > 0; count -= 8) {
        *at = (uint8_t)(bits >> (count - 8));
        if (*at++ == 0xFF) *at++ = 0;
    }
    *at++ = 0xFF;
    *at++ = 0xD9;
    return at - out;
}
