/* From a JPEG to a JPEG without leaving the coefficients (ITU-T T.81).
 *
 * Huffman JPEGs of 8 bits, sequential or progressive, are decoded to quantised coefficients, divided
 * by other quantisation tables, and written with Huffman tables made for them. Chroma as fine as luma
 * is halved in between where that is asked for. No colour conversion, no plane of pixels. Everything
 * that is not of this kind, or not flawless, is refused: the caller then takes the general decoder,
 * which knows all.
 *
 * Input is hostile. Nothing is allocated; every read and write is bounded by what the caller gave.
 */
#ifndef IMAGEBATCH_JPEG_H
#define IMAGEBATCH_JPEG_H

#include <stddef.h>
#include <stdint.h>

/* What ctypes finds. */
#define EXPORTED __attribute__((visibility("default")))

enum {
    JPEG_OK = 0,
    JPEG_REFUSED = -1, /* another kind of JPEG, or damaged: for the general decoder to say */
    JPEG_NO_ROOM = -2, /* the output or the record of symbols would be larger than its buffer */
};

enum {
    LOOK_BITS = 10,
    MAX_COMPONENTS = 3,
    MOST_BLOCKS = 6,   /* of an MCU */
    MOST_SYMBOLS = 66, /* of a block */
    /* Encoders write 10, or up to 20 where they look for the fewest bytes. Each costs a pass over all
     * blocks, however few bytes it has. */
    MOST_SCANS = 32,
};

/* A Huffman table as a DHT segment holds it: codes of each length, then the symbols. */
typedef struct {
    uint8_t counts[17]; /* [1..16] */
    uint8_t symbols[256];
    int total; /* 0: not defined */
} huffman_spec;

/* For decoding. look: by the next LOOK_BITS bits; see huffman.c. */
typedef struct {
    uint32_t look[1 << LOOK_BITS];
    int32_t max_code[18];  /* by length; -1 where there is no code */
    int32_t value_from[17]; /* index of symbols less the first code, by length */
    uint8_t symbols[256];
    int total;
} huffman_decoder;

/* For encoding; length 0: the symbol does not occur. */
typedef struct {
    uint16_t code[256];
    uint8_t length[256];
} huffman_encoder;

typedef struct {
    uint8_t id, h, v;         /* identifier and sampling factors */
    uint8_t quantisation, dc, ac; /* table numbers; dc, ac: in the scan */
} component;

/* Which components and coefficients a scan has, and which of their bits: those from `low` on; where
 * `high` is not 0, that one alone. */
typedef struct {
    int count, of[MAX_COMPONENTS];
    int from, to, high, low;
} scan_spec;

typedef struct {
    int width, height, components, progressive;
    component component[MAX_COMPONENTS];
    uint16_t quantisation[4][64]; /* in zigzag order; 0 first: not defined */
    huffman_spec dc[4], ac[4];
    int restart_interval; /* MCUs, 0: none */
    int scans;            /* so far */
    uint8_t known[MAX_COMPONENTS][64]; /* the lowest bit so far, plus 1; 0: none yet */
    scan_spec scan;
    const uint8_t *at; /* entropy-coded data of the scan */
    const uint8_t *end;
} jpeg_header;

/* One symbol to write: bits 0..15 its extra bits, 16..23 the symbol, 24..25 the table. */
typedef uint32_t symbol;
enum { TABLE_DC = 0, TABLE_AC = 2 }; /* plus 1 for chroma */

typedef struct candidates candidates; /* candidates.h */

/* Where requantised blocks go: to symbols, or to `candidates` where those are to be chosen among. */
typedef struct {
    symbol *first, *at, *end;
    uint32_t used[4][257]; /* how often each symbol occurs, by table */
    candidates *candidates;
} symbol_record;

/* parse.c: to the first scan; from behind one, where `at` is, to the next. */
int jpeg_parse(const uint8_t *data, size_t size, jpeg_header *header);
int jpeg_next(jpeg_header *header);
/* Whether the scans so far have all of every component, to the last bit. */
int jpeg_is_complete(const jpeg_header *header);
int jpeg_mcus_across(const jpeg_header *header);
int jpeg_mcus_down(const jpeg_header *header);
/* huffman.c */
int huffman_for_decoding(const huffman_spec *spec, int is_ac, huffman_decoder *decoder);
void huffman_optimal(uint32_t used[257], huffman_spec *spec);
void huffman_for_encoding(const huffman_spec *spec, huffman_encoder *encoder);
/* scan.c: target are the quantisation tables for luma and chroma in zigzag order. lambda, 0..2^24, for
 * candidates: the distortion that a bit is worth, for luma and chroma, in squares of 1/256 of a step; then
 * what is added to it for each 1024 of the squares of a block's AC values. */
int jpeg_requantise(const jpeg_header *header, const uint16_t target[2][64], const int32_t lambda[4],
                    symbol_record *record);
/* record.c: the bytes that a record for what is made of `size` bytes may take. A record for `output` in
 * `room` bytes of memory, aligned as for uint32_t; of symbols where `chosen` is null; JPEG_NO_ROOM.
 * What was recorded as a JPEG: its size or a negative code. */
size_t record_size(const jpeg_header *output, size_t size);
int record_begin(const jpeg_header *output, uint8_t *memory, size_t room, candidates *chosen,
                 symbol_record *to);
int64_t record_write(const jpeg_header *output, const uint16_t target[2][64], symbol_record *record,
                     uint8_t *out, size_t room);
/* choose.c: which candidates stay. */
void choose(candidates *of);
/* write.c: size of the output or a negative code. */
int64_t jpeg_write(const jpeg_header *header, const uint16_t target[2][64], symbol_record *record,
                   uint8_t *out, size_t room);
int64_t jpeg_write_chosen(const jpeg_header *header, const uint16_t target[2][64], const candidates *of,
                          uint8_t *out, size_t room);

#endif
