/* Record what is made of an image, as symbols or as candidates, before it is written. */
#include "candidates.h"

/* Room for more entries for each byte than photographs need, and for flat blocks, which take nearly no
 * bytes but some entries each. Candidates take no more room than symbols: each of them has extra bits, so
 * that there are fewer. */
size_t record_size(const jpeg_header *output, size_t size) {
    size_t blocks = candidates_size(output) / sizeof(candidate_block);
    size_t likely = 3 * (size + blocks), most = MOST_SYMBOLS * blocks;
    return ((likely < most ? likely : most) + MOST_BLOCKS * MOST_SYMBOLS) * sizeof(recorded_symbol);
}

int record_begin(const jpeg_header *output, uint8_t *memory, size_t room, candidates *chosen,
                 symbol_record *to) {
    *to = (symbol_record){.candidates = chosen};
    if (chosen) return candidates_lay_out(output, memory, room, chosen);
    to->first = to->at = (recorded_symbol *)(void *)memory;
    to->end = to->first + room / sizeof(recorded_symbol);
    return JPEG_OK;
}

int64_t record_write(const jpeg_header *output, const uint16_t target[2][64], symbol_record *record,
                     uint8_t *out, size_t room) {
    if (!record->candidates) return jpeg_write(output, target, record, out, room);
    choose_candidates(record->candidates);
    return jpeg_write_chosen(output, target, record->candidates, out, room);
}
