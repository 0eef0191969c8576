/* Requantise a JPEG without decoding it to pixels (ITU-T T.81).
 *
 * A Huffman-coded JPEG of 8 bits, sequential or progressive, is decoded to quantised coefficients,
 * divided by other quantisation tables, and written with Huffman tables made for it. Chroma that is as
 * fine as luma can be halved on the way. Every other kind of JPEG, and every damaged one, is refused:
 * the caller then uses the general decoder, which takes all kinds.
 *
 * The input is hostile. Nothing is allocated, and every read and write stays within the caller's
 * buffers.
 */
#ifndef IMAGEBATCH_JPEG_H
#define IMAGEBATCH_JPEG_H

#include <stddef.h>
#include <stdint.h>

/* Functions that are called through ctypes. */
#define EXPORTED __attribute__((visibility("default")))

static inline int ceil_div(int value, int by) { return (value + by - 1) / by; }

enum {
    JPEG_OK = 0,
    JPEG_REFUSED = -1, /* another kind of JPEG, or a damaged one */
    JPEG_NO_ROOM = -2, /* the output or the scratch buffer is too small */
};

enum {
    LOOK_BITS = 10,
    MAX_COMPONENTS = 3,
    MOST_BLOCKS = 6,   /* in an MCU */
    MOST_SYMBOLS = 66, /* in a block */
    /* Encoders write about 10 scans, and up to 20 when they search for the fewest bytes. Each scan costs a
     * pass over all blocks, even if it has few bytes. */
    MOST_SCANS = 32,
};

/* A Huffman table as in a DHT segment: the number of codes of each length, then the symbols. */
typedef struct {
    uint8_t counts[17]; /* by length, 1 to 16 */
    uint8_t symbols[256];
    int total; /* number of symbols; 0: the table is not defined */
} huffman_spec;

/* A Huffman table for decoding. */
typedef struct {
    uint32_t look[1 << LOOK_BITS]; /* by the next LOOK_BITS bits; huffman.c has the layout of an entry */
    int32_t max_code[18];   /* the largest code of each length; -1 where there is none */
    int32_t value_from[17]; /* by length: index of the first symbol minus the first code */
    uint8_t symbols[256];
    int total;
} huffman_decoder;

/* A Huffman table for encoding, by symbol. A symbol of length 0 has no code. */
typedef struct {
    uint16_t code[256];
    uint8_t length[256];
} huffman_encoder;

typedef struct {
    uint8_t id, h, v;             /* identifier and sampling factors */
    uint8_t quantisation, dc, ac; /* numbers of its tables; dc and ac are those of the current scan */
} component_spec;

/* The components, coefficients and bits of a scan (T.81, B.2.3). */
typedef struct {
    int count, of[MAX_COMPONENTS]; /* the components */
    int from, to;                  /* the first and the last coefficient, in zigzag order */
    int high, low;                 /* high 0: all bits from `low` on; otherwise bit `low` alone */
} scan_spec;

typedef struct {
    int width, height, components, progressive;
    component_spec component[MAX_COMPONENTS];
    uint16_t quantisation[4][64]; /* in zigzag order; a table that begins with 0 is not defined */
    huffman_spec dc[4], ac[4];
    int restart_interval; /* in MCUs; 0: no restarts */
    int scans;            /* read so far */
    uint8_t known[MAX_COMPONENTS][64]; /* the lowest bit read so far, plus 1; 0: none yet */
    scan_spec scan;     /* the current scan */
    const uint8_t *at;  /* its entropy-coded data */
    const uint8_t *end; /* the end of the file */
} jpeg_header;

/* A symbol to write. Bits 0 to 15 are its extra bits, 16 to 23 the symbol, 24 and 25 the table. */
typedef uint32_t recorded_symbol;
enum { TABLE_DC = 0, TABLE_AC = 2 }; /* of luma; those of chroma are the next ones */

typedef struct candidates candidates; /* candidates.h */

/* Where requantised blocks are recorded: as symbols, or as candidates, if `candidates` is not null. */
typedef struct {
    recorded_symbol *first, *at, *end; /* the symbols, the next one to record, the end of the room */
    uint32_t used[4][257]; /* how often each symbol occurs, by table */
    candidates *candidates;
} symbol_record;

/* parse.c: read the segments up to the first scan; read those after a scan, from `at` on, up to the next
 * scan. */
int jpeg_parse(const uint8_t *data, size_t size, jpeg_header *header);
int jpeg_next(jpeg_header *header);
/* Whether the scans so far hold every bit of every coefficient. */
int jpeg_is_complete(const jpeg_header *header);
int jpeg_mcus_across(const jpeg_header *header);
int jpeg_mcus_down(const jpeg_header *header);
/* huffman.c: make the tables for decoding and encoding from a DHT segment's; make the table with the shortest
 * codes for symbols that occur so often. */
int huffman_for_decoding(const huffman_spec *spec, int is_ac, huffman_decoder *decoder);
void huffman_optimal(uint32_t used[257], huffman_spec *spec);
void huffman_for_encoding(const huffman_spec *spec, huffman_encoder *encoder);
/* direct.c: requantise the one scan of a sequential JPEG. `target` holds the quantisation tables for luma and
 * chroma in zigzag order. `lambda`, each 0 to 2^24, is used for candidates: first the distortion that one bit
 * is worth, for luma and for chroma, in squares of 1/256 of a step; then what is added to it, for luma and for
 * chroma, for each 1024 of the sum of the squares of a block's AC values. */
int requantise_direct(const jpeg_header *header, const uint16_t target[2][64], const int32_t lambda[4],
                      symbol_record *record);
/* record.c: record_size gives the bytes that the record of an input of `size` bytes may take. record_begin
 * lays the record out in `room` bytes of memory, aligned as for uint32_t; it records candidates in `chosen`,
 * or symbols if that is null. record_write writes what was recorded as a JPEG and returns its size or a
 * negative code. */
size_t record_size(const jpeg_header *output, size_t size);
int record_begin(const jpeg_header *output, uint8_t *memory, size_t room, candidates *chosen,
                 symbol_record *to);
int64_t record_write(const jpeg_header *output, const uint16_t target[2][64], symbol_record *record,
                     uint8_t *out, size_t room);
/* choose.c: choose what is written of each candidate. */
void choose_candidates(candidates *of);
/* write.c: write a JPEG from symbols or from chosen candidates; the size or a negative code. */
int64_t jpeg_write(const jpeg_header *header, const uint16_t target[2][64], symbol_record *record,
                   uint8_t *out, size_t room);
int64_t jpeg_write_chosen(const jpeg_header *header, const uint16_t target[2][64], const candidates *of,
                          uint8_t *out, size_t room);

#endif
