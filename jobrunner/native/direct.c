/* Requantise a JPEG of one sequential scan block by block, as it is read: no block is stored. */
#include "requantise.h"

/* Requantise one block. The record has room for MOST_SYMBOLS. */
static int requantise_block(bit_reader *in, const huffman_decoder *dc, const huffman_decoder *ac,
                            const requantiser *to, int chroma, int32_t *dc_in, int32_t *dc_out,
                            symbol_record *out) {
    open_block under_way;
    if (read_dc(in, dc, dc_in) || begin_block(out, to, chroma, *dc_in, dc_out, &under_way)) return JPEG_REFUSED;
    int32_t value;
    int k = 0, more;
    while ((more = read_value(in, ac, &k, &value)) > 0)
        if (requantise_value(out, to, chroma, k, value, &under_way)) return JPEG_REFUSED;
    if (more < 0) return more;
    finish_block(out, to, chroma, &under_way);
    return JPEG_OK;
}

int requantise_direct(const jpeg_header *header, const uint16_t target[2][64],
                      const int32_t lambda[4], symbol_record *record) {
    huffman_decoder dc[MAX_COMPONENTS], ac[MAX_COMPONENTS];
    requantiser to[MAX_COMPONENTS];
    int32_t dc_in[MAX_COMPONENTS] = {0}, dc_out[MAX_COMPONENTS] = {0};
    int components = header->components, blocks[MAX_COMPONENTS];
    for (int i = 0; i < components; i++) {
        const component_spec *one = &header->component[i];
        if (huffman_for_decoding(&header->dc[one->dc], 0, &dc[i]) ||
            huffman_for_decoding(&header->ac[one->ac], 1, &ac[i]))
            return JPEG_REFUSED;
        requantiser_prepare(header->quantisation[one->quantisation], target[i > 0], 0, lambda[i > 0],
                            lambda[2 + (i > 0)], &to[i]);
        blocks[i] = one->h * one->v;
    }
    int64_t mcus = (int64_t)jpeg_mcus_across(header) * jpeg_mcus_down(header);
    bit_reader in = {header->at, header->end, 0, 0, 0};
    int until_restart = header->restart_interval, restart = 0;
    for (int64_t mcu = 0; mcu < mcus; mcu++) {
        if (header->restart_interval && until_restart-- == 0) {
            if (read_marker(&in) != 0xD0 + restart) return JPEG_REFUSED;
            restart = (restart + 1) & 7;
            until_restart = header->restart_interval - 1;
            for (int i = 0; i < components; i++) dc_in[i] = 0;
        }
        if (!has_room(record)) return JPEG_NO_ROOM;
        for (int i = 0; i < components; i++) {
            for (int n = 0; n < blocks[i]; n++) {
                if (requantise_block(&in, &dc[i], &ac[i], &to[i], i > 0, &dc_in[i], &dc_out[i], record))
                    return JPEG_REFUSED;
            }
        }
        if (in.made_up > in.count) return JPEG_REFUSED; /* the data ended too early */
    }
    return read_marker(&in) == 0xD9 ? JPEG_OK : JPEG_REFUSED;
}
