/* Parse the marker segments before and between the scans (T.81, B.2). */
#include "jpeg.h"

typedef struct {
    const uint8_t *at, *end;
} reader;

static int bytes_left(const reader *in) { return (int)(in->end - in->at); }

static int read_u8(reader *in) { return in->at < in->end ? *in->at++ : -1; }

static int read_u16(reader *in) {
    if (bytes_left(in) < 2) return -1;
    int value = in->at[0] << 8 | in->at[1];
    in->at += 2;
    return value;
}

/* DQT */
static int parse_quantisation(reader in, jpeg_header *header) {
    if (header->scans) return JPEG_REFUSED; /* new tables between scans: no encoder does that */
    while (bytes_left(&in) > 0) {
        int spec = read_u8(&in), number = spec & 15, wide = spec >> 4;
        if (number > 3 || wide > 1 || bytes_left(&in) < 64 << wide) return JPEG_REFUSED;
        for (int k = 0; k < 64; k++) {
            int step = wide ? read_u16(&in) : read_u8(&in);
            if (step <= 0) return JPEG_REFUSED;
            header->quantisation[number][k] = (uint16_t)step;
        }
    }
    return JPEG_OK;
}

/* DHT */
static int parse_huffman(reader in, jpeg_header *header) {
    while (bytes_left(&in) > 0) {
        int spec = read_u8(&in), number = spec & 15;
        if (number > 3 || spec >> 4 > 1 || bytes_left(&in) < 16) return JPEG_REFUSED;
        huffman_spec *table = spec >> 4 ? &header->ac[number] : &header->dc[number];
        int total = 0;
        for (int length = 1; length <= 16; length++) total += table->counts[length] = (uint8_t)read_u8(&in);
        if (total < 1 || total > 256 || bytes_left(&in) < total) return JPEG_REFUSED;
        for (int i = 0; i < total; i++) table->symbols[i] = (uint8_t)read_u8(&in);
        table->total = total;
    }
    return JPEG_OK;
}

/* SOF0, SOF1, SOF2 */
static int parse_frame(reader in, int progressive, jpeg_header *header) {
    if (header->components || read_u8(&in) != 8) return JPEG_REFUSED; /* a second frame, or 12 bits */
    header->height = read_u16(&in);
    header->width = read_u16(&in);
    int components = read_u8(&in);
    if (header->height <= 0 || header->width <= 0) return JPEG_REFUSED;
    if (header->height > 65500 || header->width > 65500) return JPEG_REFUSED; /* libjpeg's limit */
    if ((components != 1 && components != 3) || bytes_left(&in) != 3 * components) return JPEG_REFUSED;
    for (int i = 0; i < components; i++) {
        component_spec *one = &header->component[i];
        one->id = (uint8_t)read_u8(&in);
        int sampling = read_u8(&in), table = read_u8(&in);
        one->h = (uint8_t)(sampling >> 4);
        one->v = (uint8_t)(sampling & 15);
        int most = i == 0 ? 2 : 1; /* luma is at most twice as fine as chroma */
        if (one->h < 1 || one->h > most || one->v < 1 || one->v > most || table > 3)
            return JPEG_REFUSED;
        if (components == 1) one->h = one->v = 1; /* the MCU of a single component is one block */
        one->quantisation = (uint8_t)table;
    }
    header->components = components;
    header->progressive = progressive;
    return JPEG_OK;
}

/* Whether a scan of a component brings the next bits of each of its coefficients; marks them as known. */
static int is_next_scan_of(const scan_spec *scan, uint8_t known[64]) {
    if (scan->from && !known[0]) return 0; /* AC comes before DC */
    for (int k = scan->from; k <= scan->to; k++) {
        if (scan->high ? known[k] != scan->high + 1 : known[k]) return 0;
        known[k] = (uint8_t)(scan->low + 1);
    }
    return 1;
}

/* SOS */
static int parse_scan(reader in, jpeg_header *header) {
    scan_spec *scan = &header->scan;
    scan->count = read_u8(&in);
    if (scan->count < 1 || scan->count > header->components || ++header->scans > MOST_SCANS)
        return JPEG_REFUSED;
    if (bytes_left(&in) != 2 * scan->count + 3) return JPEG_REFUSED;
    const uint8_t *range = in.at + 2 * scan->count;
    scan->from = range[0];
    scan->to = range[1];
    scan->high = range[2] >> 4;
    scan->low = range[2] & 15;
    if (header->progressive) {
        if (scan->from ? scan->count != 1 || scan->from > scan->to : scan->to != 0) return JPEG_REFUSED;
        if (scan->to > 63 || scan->low > 13) return JPEG_REFUSED;
        if (scan->high && scan->low != scan->high - 1) return JPEG_REFUSED;
    } else if (scan->from != 0 || scan->to != 63 || range[2]) {
        return JPEG_REFUSED;
    }
    for (int n = 0, i = 0; n < scan->count; n++, i++) {
        int id = read_u8(&in), tables = read_u8(&in);
        while (i < header->components && header->component[i].id != id) i++;
        if (i == header->components || tables >> 4 > 3 || (tables & 15) > 3) return JPEG_REFUSED;
        component_spec *one = &header->component[i];
        scan->of[n] = i;
        one->dc = (uint8_t)(tables >> 4);
        one->ac = (uint8_t)(tables & 15);
        int dc = scan->from == 0 && scan->high == 0, ac = scan->to > 0;
        if ((dc && !header->dc[one->dc].total) || (ac && !header->ac[one->ac].total))
            return JPEG_REFUSED;
        if (!is_next_scan_of(scan, header->known[i])) return JPEG_REFUSED;
    }
    for (int i = 0; i < header->components; i++) /* no table comes later */
        if (!header->quantisation[header->component[i].quantisation][0]) return JPEG_REFUSED;
    return JPEG_OK;
}

/* The segments that say that three components are YCbCr. Without them the components' identifiers do. */
typedef struct {
    int jfif, adobe, transform;
} colour;

static void parse_application(int marker, reader in, colour *seen) {
    const uint8_t *p = in.at;
    if (marker == 0xE0 && bytes_left(&in) >= 14 && p[0] == 'J' && p[1] == 'F' && p[2] == 'I' && p[3] == 'F' &&
        !p[4])
        seen->jfif = 1;
    if (marker == 0xEE && bytes_left(&in) >= 12 && p[0] == 'A' && p[1] == 'd' && p[2] == 'o' && p[3] == 'b' &&
        p[4] == 'e') {
        seen->adobe = 1;
        seen->transform = p[11];
    }
}

static int is_ycc(const jpeg_header *header, const colour *seen) {
    if (header->components == 1) return 1;
    if (seen->adobe && seen->transform != 1) return 0;
    const component_spec *c = header->component;
    return seen->jfif || seen->adobe || (c[0].id == 1 && c[1].id == 2 && c[2].id == 3);
}

int jpeg_is_complete(const jpeg_header *header) {
    for (int i = 0; i < header->components; i++)
        for (int k = 0; k < 64; k++)
            if (header->known[i][k] != 1) return 0;
    return 1;
}

int jpeg_next(jpeg_header *header) {
    reader in = {header->at, header->end};
    colour seen = {0, 0, 0};
    for (;;) {
        if (read_u8(&in) != 0xFF) return JPEG_REFUSED;
        int marker = read_u8(&in);
        while (marker == 0xFF) marker = read_u8(&in); /* fill bytes */
        int length = read_u16(&in);
        if (marker < 0xC0 || length < 2 || bytes_left(&in) < length - 2) return JPEG_REFUSED;
        reader body = {in.at, in.at + length - 2};
        in.at = body.end;
        int result = JPEG_OK;
        if (marker == 0xDB) {
            result = parse_quantisation(body, header);
        } else if (marker == 0xC4) {
            result = parse_huffman(body, header);
        } else if (marker >= 0xC0 && marker <= 0xC2) {
            result = parse_frame(body, marker == 0xC2, header);
        } else if (marker == 0xDD) {
            if (length != 4) return JPEG_REFUSED;
            header->restart_interval = read_u16(&body);
        } else if (marker == 0xDA) {
            int first = !header->scans;
            if (parse_scan(body, header) || (first && !is_ycc(header, &seen))) return JPEG_REFUSED;
            header->at = in.at;
            return JPEG_OK;
        } else if (marker >= 0xE0 && marker <= 0xEF) {
            parse_application(marker, body, &seen);
        } else if (marker != 0xFE) {
            return JPEG_REFUSED; /* lossless, arithmetic, DNL, … */
        }
        if (result) return result;
    }
}

int jpeg_parse(const uint8_t *data, size_t size, jpeg_header *header) {
    if (size < 4 || size > 1 << 29 || data[0] != 0xFF || data[1] != 0xD8) return JPEG_REFUSED;
    header->at = data + 2;
    header->end = data + size;
    return jpeg_next(header);
}

int jpeg_mcus_across(const jpeg_header *header) {
    int pixels = 8 * header->component[0].h;
    return (header->width + pixels - 1) / pixels;
}

int jpeg_mcus_down(const jpeg_header *header) {
    int pixels = 8 * header->component[0].v;
    return (header->height + pixels - 1) / pixels;
}
