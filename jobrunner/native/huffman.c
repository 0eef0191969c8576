/* Huffman tables: for decoding (T.81, F.2.2.3), and the best ones for given symbols (T.81, K.2). */
#include "jpeg.h"

/* An entry of look is 0 if the code is longer than LOOK_BITS. Otherwise:
 *   bits 0 to 5    number of bits to consume
 *   bit 7          set if they include the extra bits, whose signed value is in bits 16 to 31
 *   bits 8 to 15   the symbol */
int huffman_for_decoding(const huffman_spec *spec, int is_ac, huffman_decoder *decoder) {
    for (int i = 0; i < 1 << LOOK_BITS; i++) decoder->look[i] = 0;
    for (int i = 0; i < 256; i++) decoder->symbols[i] = spec->symbols[i];
    decoder->total = spec->total;
    int32_t code = 0;
    int index = 0;
    for (int length = 1; length <= 16; length++, code <<= 1) {
        decoder->value_from[length] = index - code;
        for (int i = 0; i < spec->counts[length]; i++, index++, code++) {
            if (code >= (1 << length) - 1) return JPEG_REFUSED; /* all ones is no code (T.81, C.2) */
            uint32_t value = spec->symbols[index];
            if (!is_ac && value > 11) return JPEG_REFUSED;
            if (length > LOOK_BITS) continue;
            int extra = value & 15, rest = LOOK_BITS - length;
            for (int tail = 0; tail < 1 << rest; tail++) {
                uint32_t entry = value << 8 | (uint32_t)length;
                if (extra > 0 && extra <= rest) {
                    int32_t bits = tail >> (rest - extra);
                    if (bits < 1 << (extra - 1)) bits -= (1 << extra) - 1;
                    entry = (uint32_t)(uint16_t)bits << 16 | value << 8 | 0x80 | (uint32_t)(length + extra);
                }
                decoder->look[code << rest | tail] = entry;
            }
        }
        decoder->max_code[length] = spec->counts[length] ? code - 1 : -1;
    }
    return JPEG_OK;
}

/* The optimal code lengths, limited to 16. The reserved symbol 256 takes the code of all ones, which T.81
 * forbids. */
void huffman_optimal(uint32_t used[257], huffman_spec *spec) {
    int length[257] = {0}, next[257], present[257], presents = 0;
    uint8_t counts[258] = {0};
    used[256] = 1;
    for (int i = 0; i < 257; i++) {
        next[i] = -1;
        if (used[i]) present[presents++] = i;
    }
    for (int i = 0; i <= 16; i++) spec->counts[i] = 0;
    spec->total = 0;
    if (presents == 1) return; /* no symbol is used */
    for (;;) {
        int least = -1, second = -1; /* among equals the later symbol comes first, as in T.81 */
        for (int n = 0; n < presents; n++) {
            int i = present[n];
            if (!used[i]) continue;
            if (least < 0 || used[i] <= used[least]) {
                second = least;
                least = i;
            } else if (second < 0 || used[i] <= used[second]) {
                second = i;
            }
        }
        if (second < 0) break;
        used[least] += used[second];
        used[second] = 0;
        int end = least;
        for (;; end = next[end]) {
            length[end]++;
            if (next[end] < 0) break;
        }
        next[end] = second;
        for (int i = second; i >= 0; i = next[i]) length[i]++;
    }
    for (int i = 0; i < 257; i++)
        if (length[i]) counts[length[i]]++;
    for (int i = 256; i > 16; i--) { /* T.81, figure K.3 */
        while (counts[i]) {
            int shorter = i - 2;
            while (!counts[shorter]) shorter--;
            counts[i] -= 2;
            counts[i - 1]++;
            counts[shorter + 1] += 2;
            counts[shorter]--;
        }
    }
    int longest = 16;
    while (!counts[longest]) longest--;
    counts[longest]--; /* the code of the reserved symbol */
    for (int i = 1; i <= 16; i++) spec->counts[i] = counts[i];
    for (int i = 1; i <= 256; i++)
        for (int value = 0; value < 256; value++)
            if (length[value] == i) spec->symbols[spec->total++] = (uint8_t)value;
}

void huffman_for_encoding(const huffman_spec *spec, huffman_encoder *encoder) {
    for (int i = 0; i < 256; i++) encoder->length[i] = 0;
    uint16_t code = 0;
    int index = 0;
    for (int length = 1; length <= 16; length++, code = (uint16_t)(code << 1)) {
        for (int i = 0; i < spec->counts[length]; i++, index++, code++) {
            encoder->code[spec->symbols[index]] = code;
            encoder->length[spec->symbols[index]] = (uint8_t)length;
        }
    }
}
