/* The way in, for ctypes. */
#include "jpeg.h"

/* What the caller must match: raised when the meaning of a call changes. */
EXPORTED int imagebatch_jpeg_abi(void) { return 3; }

/* The tables to write with: never finer than what the data has, which would cost bytes and keep
 * nothing. Without a target the data's own, and then Cb and Cr must have the same. */
static int written(const jpeg_header *header, const uint16_t (*target)[64], uint16_t result[2][64]) {
    for (int i = 0; i < header->components; i++) {
        const uint16_t *own = header->quantisation[header->component[i].quantisation];
        uint16_t *to = result[i > 0];
        for (int k = 0; k < 64; k++) {
            if (i < 2) to[k] = target ? target[i > 0][k] : own[k];
            if (!target && to[k] != own[k]) return JPEG_REFUSED;
            if (to[k] < own[k]) to[k] = own[k];
            if (to[k] > 255) return JPEG_REFUSED;
        }
    }
    return JPEG_OK;
}

/* Write `data` with the quantisation tables `target` (luma, chroma; zigzag order, 1..255), or with
 * its own, so without a loss, where `target` is null. `lambda`: see
 * jpeg_requantise. `symbols` is scratch of `symbol_room` entries. The size of the output, or a
 * negative code. */
EXPORTED int64_t imagebatch_jpeg_recode(const uint8_t *data, size_t size,
                                        const uint16_t (*target)[64], const int32_t lambda[4],
                                        uint8_t *out, size_t room, uint32_t *symbols,
                                        size_t symbol_room) {
    jpeg_header header = {0};
    symbol_record record = {symbols, symbols + symbol_room, {{0}}};
    uint16_t tables[2][64];
    int result = jpeg_parse(data, size, &header);
    if (!result) result = written(&header, target, tables);
    if (!result) result = jpeg_requantise(&header, (const uint16_t(*)[64])tables, lambda, &record);
    if (result) return result;
    return jpeg_write(&header, (const uint16_t(*)[64])tables, symbols, &record, out, room);
}
