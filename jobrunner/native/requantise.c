/* What is made ready before blocks are requantised, and in between. */
#include "requantise.h"

void requantiser_prepare(const uint16_t from[64], const uint16_t target[64], int32_t lambda,
                         int32_t busier, requantiser *to) {
    int exact = 0;
    to->dc_from = from[0];
    to->dc_target = target[0];
    for (int k = 1; k < 64; k++) exact += to->exact[k] = from[k] == target[k];
    to->lambda = exact < 63 ? lambda : 0;
    to->busier = busier;
    for (int k = 0; k < 64; k++) to->from[k] = from[k];
    for (int i = 0; i < 256; i++) to->lengths[i] = 16;
    for (int k = 0; k < 64; k++) {
        to->factor[k] = ((uint64_t)from[k] << 32) / target[k];
        /* the least value with value * from / target > 1/2 */
        to->threshold[k] = target[k] / (2u * from[k]) + 1;
    }
}

void requantiser_lengths(const huffman_spec *ac, requantiser *to) {
    for (int length = 1, i = 0; length <= 16; length++)
        for (int n = 0; n < ac->counts[length]; n++) to->lengths[ac->symbols[i++]] = (uint8_t)length;
}

void requantiser_measure(const symbol_record *record, int chroma, requantiser *to) {
    uint32_t so_far[257];
    huffman_spec spec;
    if (!to->lambda) return;
    for (int i = 0; i < 257; i++) so_far[i] = record->used[TABLE_AC + chroma][i];
    huffman_optimal(so_far, &spec);
    for (int i = 0; i < 256; i++) to->lengths[i] = 16;
    requantiser_lengths(&spec, to);
}
