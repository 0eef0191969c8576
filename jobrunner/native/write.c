/* Write JPEG files: baseline ones from recorded symbols, others from candidates. */
#include "scan_coder.h"
#include "stuffing.h"

typedef struct {
    uint8_t *at, *end;
} writer;

static void put_byte(writer *out, int value) {
    if (out->at < out->end) *out->at = (uint8_t)value;
    out->at += out->at < out->end;
}

static void put_segment(writer *out, int marker, int length) {
    put_byte(out, 0xFF);
    put_byte(out, marker);
    put_byte(out, (length + 2) >> 8);
    put_byte(out, (length + 2) & 0xFF);
}

static void put_quantisation(writer *out, int number, const uint16_t table[64]) {
    put_segment(out, 0xDB, 65);
    put_byte(out, number);
    for (int k = 0; k < 64; k++) put_byte(out, table[k]);
}

static void put_huffman(writer *out, int number, const huffman_spec *table) {
    put_segment(out, 0xC4, 17 + table->total);
    put_byte(out, number);
    for (int length = 1; length <= 16; length++) put_byte(out, table->counts[length]);
    for (int i = 0; i < table->total; i++) put_byte(out, table->symbols[i]);
}

/* Write all up to the frame header, whose marker is `frame`. */
static void put_headers(writer *out, const jpeg_header *header, const uint16_t target[2][64], int frame) {
    static const uint8_t jfif[14] = {'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0};
    int components = header->components, tables = components > 1 ? 2 : 1;
    put_byte(out, 0xFF);
    put_byte(out, 0xD8);
    put_segment(out, 0xE0, sizeof jfif);
    for (size_t i = 0; i < sizeof jfif; i++) put_byte(out, jfif[i]);
    for (int i = 0; i < tables; i++) put_quantisation(out, i, target[i]);
    put_segment(out, frame, 6 + 3 * components);
    put_byte(out, 8);
    put_byte(out, header->height >> 8);
    put_byte(out, header->height & 0xFF);
    put_byte(out, header->width >> 8);
    put_byte(out, header->width & 0xFF);
    put_byte(out, components);
    for (int i = 0; i < components; i++) {
        const component_spec *one = &header->component[i];
        put_byte(out, i + 1);
        put_byte(out, components > 1 ? one->h << 4 | one->v : 0x11);
        put_byte(out, i > 0);
    }
}

/* Write the Huffman tables that are used, and the header of a scan. */
static void put_scan_header(writer *out, const scan_kind *kind, int components, const huffman_spec specs[4]) {
    int count = 0;
    for (int chroma = 0; chroma < 2; chroma++)
        for (int ac = 0; ac < 2; ac++) {
            const huffman_spec *one = &specs[(ac ? TABLE_AC : TABLE_DC) + chroma];
            if (one->total) put_huffman(out, ac << 4 | chroma, one);
        }
    for (int i = 0; i < components; i++) count += kind->components >> i & 1;
    put_segment(out, 0xDA, 4 + 2 * count);
    put_byte(out, count);
    for (int i = 0; i < components; i++) {
        if (!(kind->components >> i & 1)) continue;
        put_byte(out, i + 1);
        put_byte(out, i && !kind->first ? 0x11 : 0); /* a scan of AC alone uses table 0 */
    }
    put_byte(out, kind->first);
    put_byte(out, kind->last);
    put_byte(out, kind->high << 4 | kind->low);
}

static scan_kind sequential_scan(int components) {
    return (scan_kind){(uint8_t)((1 << components) - 1), 0, 63, 0, 0};
}

int64_t jpeg_write_chosen(const jpeg_header *header, const uint16_t target[2][64], const candidates *of,
                          uint8_t *out, size_t room) {
    scan_kind scans[MOST_CHOSEN_SCANS];
    scan_coder coder;
    int count = script_choose(of, scans);
    writer to = {out, out + room};
    put_headers(&to, header, target, count > 1 ? 0xC2 : 0xC0);
    for (int i = 0; i < count; i++) {
        scan_count(of, &scans[i], 1, &coder);
        scan_tables(&coder);
        put_scan_header(&to, &scans[i], header->components, coder.specs);
        coder.at = to.at;
        coder.end = to.end;
        if (scan_write(of, &scans[i], &coder)) return JPEG_NO_ROOM;
        to.at = coder.at;
    }
    if (to.end - to.at < 2) return JPEG_NO_ROOM;
    put_byte(&to, 0xFF);
    put_byte(&to, 0xD9);
    return to.at - out;
}

int64_t jpeg_write(const jpeg_header *header, const uint16_t target[2][64], symbol_record *record,
                   uint8_t *out, size_t room) {
    huffman_spec specs[4];
    huffman_encoder encoders[4];
    for (int i = 0; i < 4; i++) {
        huffman_optimal(record->used[i], &specs[i]);
        huffman_for_encoding(&specs[i], &encoders[i]);
    }
    writer to = {out, out + room};
    scan_kind all = sequential_scan(header->components);
    put_headers(&to, header, target, 0xC0);
    put_scan_header(&to, &all, header->components, specs);
    uint8_t *at = to.at, *end = to.end;
    uint64_t bits = 0;
    int count = 0;
    for (const recorded_symbol *one = record->first; one < record->at; one++) {
        const huffman_encoder *table = &encoders[*one >> 24];
        uint32_t value = *one >> 16 & 0xFF;
        int extra = value & 15;
        bits = (bits << table->length[value] | table->code[value]) << extra | (*one & 0xFFFF);
        count += table->length[value] + extra; /* at most 31 + 27 */
        if (count < 32) continue;
        if (end - at < 16) return JPEG_NO_ROOM;
        count -= 32;
        at = put_word(at, (uint32_t)(bits >> count));
    }
    if (end - at < 16) return JPEG_NO_ROOM;
    at = put_rest(at, bits, count);
    *at++ = 0xFF;
    *at++ = 0xD9;
    return at - out;
}
