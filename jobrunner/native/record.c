/* What is made of an image before it is written: symbols, or candidates for them. */
#include "candidates.h"

/* More entries for each byte than photographs have, and as many as flat blocks take, which are nearly no
 * bytes. It is as much for candidates: each has extra bits, so that there are fewer. */
size_t record_size(const jpeg_header *output, size_t size) {
    size_t blocks = candidates_size(output) / sizeof(candidate_block);
    size_t likely = 3 * (size + blocks), most = MOST_SYMBOLS * blocks;
    return ((likely < most ? likely : most) + MOST_BLOCKS * MOST_SYMBOLS) * sizeof(symbol);
}

int record_begin(const jpeg_header *output, uint8_t *memory, size_t room, candidates *chosen,
                 symbol_record *to) {
    *to = (symbol_record){.candidates = chosen};
    if (chosen) return candidates_lay_out(output, memory, room, chosen);
    to->first = to->at = (symbol *)(void *)memory;
    to->end = to->first + room / sizeof(symbol);
    return JPEG_OK;
}

int64_t record_write(const jpeg_header *output, const uint16_t target[2][64], symbol_record *record,
                     uint8_t *out, size_t room) {
    if (!record->candidates) return jpeg_write(output, target, record, out, room);
    choose(record->candidates);
    return jpeg_write_chosen(output, target, record->candidates, out, room);
}
