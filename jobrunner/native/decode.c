/* Decode scans of every kind to stored coefficients (T.81, F.2 and G.2). */
#include "store.h"

/* Whether a value with `low` more bits to come stays within 16 bits. */
ALWAYS int fits(int32_t value, int low) { return value < 1 << (15 - low) && value > -(1 << (15 - low)); }

/* Decode a block of a sequential scan. */
static int decode_block(bit_reader *in, const huffman_decoder *dc, const huffman_decoder *ac, int32_t *dc_in,
                        int16_t *block, uint64_t *mask) {
    if (read_dc(in, dc, dc_in)) return JPEG_REFUSED;
    block[0] = (int16_t)*dc_in;
    uint64_t found = 0;
    int32_t value;
    int k = 0, more;
    while ((more = read_value(in, ac, &k, &value)) > 0) {
        block[k] = (int16_t)value;
        found |= 1ull << k;
    }
    *mask = found;
    return more;
}

/* Decode the high bits of a DC coefficient. */
static int decode_dc(bit_reader *in, const huffman_decoder *dc, int low, int32_t *dc_in, int16_t *block) {
    if (read_dc(in, dc, dc_in) || !fits(*dc_in, low)) return JPEG_REFUSED;
    block[0] = (int16_t)(*dc_in * (1 << low));
    return JPEG_OK;
}

/* Read the next bit of a DC coefficient. */
static void refine_dc(bit_reader *in, int low, int16_t *block) {
    fill_bits(in);
    if (read_bits(in, 1)) block[0] = (int16_t)(block[0] | 1 << low);
}

/* After a symbol that ends the block: read how many blocks it ends, this one included. */
ALWAYS int32_t read_eob_run(bit_reader *in, int code) {
    return (1 << (code >> 4)) + (int32_t)read_bits(in, code >> 4);
}

/* Decode the high bits of a block's AC coefficients. */
static __attribute__((noinline)) int decode_ac(bit_reader *in, const huffman_decoder *ac, const scan_spec *scan,
                                               int32_t *eob_run, int16_t *block, uint64_t *mask) {
    uint64_t found = 0;
    for (int k = scan->from; k <= scan->to; k++) {
        int32_t value;
        int code = read_ac(in, ac, &value);
        if (code < 0) return JPEG_REFUSED;
        if (!value && code != 0xF0) {
            *eob_run = read_eob_run(in, code) - 1;
            break;
        }
        k += code >> 4;
        if (k > scan->to || !fits(value, scan->low)) return JPEG_REFUSED;
        if (!value) continue; /* sixteen zeros */
        block[k] = (int16_t)(value * (1 << scan->low));
        found |= 1ull << k;
    }
    *mask |= found;
    return JPEG_OK;
}

/* Read one more bit of a coefficient and move it away from 0. Such bits are random, so a branch would cost
 * more than this. */
ALWAYS void refine(bit_reader *in, int low, int16_t *one) {
    fill_bits(in);
    int32_t bit = (int32_t)read_bits(in, 1), sign = *one >> 15 | 1;
    *one = (int16_t)(*one + sign * (bit << low));
}

/* Read the next bit of the AC coefficients that are not 0, and those that begin with this bit. */
ALWAYS int refine_ac(bit_reader *in, const huffman_decoder *ac, const scan_spec *scan, int32_t *eob_run,
                     int16_t *block, uint64_t *mask) {
    uint64_t there = *mask & (~0ull << scan->from) & (~0ull >> (63 - scan->to)), found = 0;
    for (int k = scan->from; !*eob_run && k <= scan->to; k++) {
        int32_t value;
        int code = read_ac(in, ac, &value);
        if (code < 0 || (code & 15) > 1) return JPEG_REFUSED;
        if (!value && code != 0xF0) {
            *eob_run = read_eob_run(in, code);
            break;
        }
        k += code >> 4; /* and one more for each coefficient that is there already */
        for (; there && __builtin_ctzll(there) <= k; there &= there - 1, k++)
            refine(in, scan->low, &block[__builtin_ctzll(there)]);
        if (k > scan->to) return JPEG_REFUSED;
        if (!value) continue; /* sixteen zeros */
        block[k] = (int16_t)(value * (1 << scan->low));
        found |= 1ull << k;
    }
    if (*eob_run) {
        for (; there; there &= there - 1) refine(in, scan->low, &block[__builtin_ctzll(there)]);
        --*eob_run;
    }
    *mask |= found;
    return JPEG_OK;
}

/* Prepare to decode the scan at which the header is. */
static int begin_scan(const jpeg_header *header, scan_state *state) {
    const scan_spec *scan = &header->scan;
    for (int n = 0; n < scan->count; n++) {
        const component_spec *one = &header->component[scan->of[n]];
        if (scan->from == 0 && scan->high == 0 &&
            huffman_for_decoding(&header->dc[one->dc], 0, &state->dc[n]))
            return JPEG_REFUSED;
        if (scan->to > 0 && huffman_for_decoding(&header->ac[one->ac], 1, &state->ac[n]))
            return JPEG_REFUSED;
        state->dc_in[n] = 0;
    }
    state->spec = *scan;
    state->in = (bit_reader){header->at, header->end, 0, 0, 0};
    state->end = 0;
    state->eob_run = state->restart = 0;
    state->restart_interval = state->until_restart = header->restart_interval;
    return JPEG_OK;
}

/* Find the marker after entropy-coded data: neither a stuffed FF nor a restart. */
static const uint8_t *find_marker(const uint8_t *at, const uint8_t *end) {
    for (;;) {
        while (end - at >= 8) { /* no byte is FF */
            uint64_t word;
            __builtin_memcpy(&word, at, 8);
            if ((~word - 0x0101010101010101u) & word & 0x8080808080808080u) break;
            at += 8;
        }
        while (at < end && *at != 0xFF) at++;
        if (end - at < 2) return end;
        if (at[1] != 0 && (at[1] < 0xD0 || at[1] > 0xD7)) return at;
        at += 2;
    }
}

int decode_begin(jpeg_header *header, scan_state scans[MOST_SCANS]) {
    for (int count = 0; count < MOST_SCANS; count++) {
        if (begin_scan(header, &scans[count])) return JPEG_REFUSED;
        if (jpeg_is_complete(header)) return count + 1;
        header->at = scans[count].end = find_marker(header->at, header->end);
        if (jpeg_next(header)) return JPEG_REFUSED;
    }
    return JPEG_REFUSED;
}

int decode_end(scan_state *scans, int count) {
    for (int n = 0; n < count; n++) {
        scan_state *state = &scans[n];
        const uint8_t *at = state->in.at;
        int found = read_marker(&state->in);
        if (state->eob_run || (state->end ? found < 0 || at != state->end : found != 0xD9))
            return JPEG_REFUSED;
    }
    return JPEG_OK;
}

/* Read the restart marker before an MCU, if one is due. */
ALWAYS int pass_restart(scan_state *state, bit_reader *in) {
    if (!state->restart_interval || state->until_restart-- > 0) return JPEG_OK;
    if (read_marker(in) != 0xD0 + state->restart || state->eob_run) return JPEG_REFUSED;
    state->restart = (state->restart + 1) & 7;
    state->until_restart = state->restart_interval - 1;
    for (int n = 0; n < MAX_COMPONENTS; n++) state->dc_in[n] = 0;
    return JPEG_OK;
}

/* Decode the AC coefficients of a row of blocks. Such a scan has one component. */
static int ac_row(int row, scan_state *state, store *to) {
    const scan_spec *scan = &state->spec;
    int component = scan->of[0], columns = to->width[component];
    size_t index = store_index(to, component, row, 0);
    bit_reader in = state->in;
    for (int column = 0; column < columns; column++, index++) {
        if (pass_restart(state, &in)) return JPEG_REFUSED;
        int16_t *block = to->block[index];
        uint64_t *mask = &to->mask[index];
        int result = JPEG_OK;
        if (scan->high)
            result = refine_ac(&in, &state->ac[0], scan, &state->eob_run, block, mask);
        else if (state->eob_run)
            state->eob_run--;
        else
            result = decode_ac(&in, &state->ac[0], scan, &state->eob_run, block, mask);
        if (result || in.made_up > in.count) return JPEG_REFUSED;
    }
    state->in = in;
    return JPEG_OK;
}

/* Decode the next block of a scan that holds DC coefficients. */
ALWAYS int decode_next_block(scan_state *state, int n, int16_t *block, uint64_t *mask) {
    const scan_spec *scan = &state->spec;
    bit_reader *in = &state->in;
    if (scan->to) return decode_block(in, &state->dc[n], &state->ac[n], &state->dc_in[n], block, mask);
    if (!scan->high) return decode_dc(in, &state->dc[n], scan->low, &state->dc_in[n], block);
    refine_dc(in, scan->low, block);
    return JPEG_OK;
}

/* Decode a row of MCUs of such a scan. */
static int mcu_row(const jpeg_header *header, int row, scan_state *state, store *to) {
    const scan_spec *scan = &state->spec;
    int alone = scan->count == 1;
    int columns = alone ? to->width[scan->of[0]] : jpeg_mcus_across(header);
    size_t at[MAX_COMPONENTS][2]; /* index of the next block, by row within the MCU */
    int h[MAX_COMPONENTS], v[MAX_COMPONENTS];
    for (int n = 0; n < scan->count; n++) {
        int component = scan->of[n];
        h[n] = alone ? 1 : header->component[component].h;
        v[n] = alone ? 1 : header->component[component].v;
        for (int y = 0; y < v[n]; y++) at[n][y] = store_index(to, component, row * v[n] + y, 0);
    }
    for (int column = 0; column < columns; column++) {
        if (pass_restart(state, &state->in)) return JPEG_REFUSED;
        for (int n = 0; n < scan->count; n++)
            for (int y = 0; y < v[n]; y++)
                for (int x = 0; x < h[n]; x++, at[n][y]++)
                    if (decode_next_block(state, n, to->block[at[n][y]], &to->mask[at[n][y]]))
                        return JPEG_REFUSED;
        if (state->in.made_up > state->in.count) return JPEG_REFUSED; /* the data ended too early */
    }
    return JPEG_OK;
}

int decode_band(const jpeg_header *header, int band, scan_state *scans, int count, store *to) {
    for (size_t n = 0; n < to->blocks; n++) to->mask[n] = 0;
    for (int n = 0; n < count; n++) {
        scan_state *state = &scans[n];
        int component = state->spec.of[0], alone = state->spec.count == 1;
        int rows = alone ? to->rows[component] : to->mcu_rows;
        int end = alone ? to->height[component] : jpeg_mcus_down(header);
        if (end > (band + 1) * rows) end = (band + 1) * rows;
        for (int row = band * rows; row < end; row++)
            if (state->spec.from ? ac_row(row, state, to) : mcu_row(header, row, state, to))
                return JPEG_REFUSED;
    }
    return JPEG_OK;
}

void store_lay_out(const jpeg_header *header, halving by, store *to) {
    const component_spec *luma = &header->component[0];
    to->mcu_rows = by.down;
    to->bands = ceil_div(jpeg_mcus_down(header), to->mcu_rows);
    to->blocks = 0;
    for (int i = 0; i < header->components; i++) {
        const component_spec *one = &header->component[i];
        to->first[i] = to->blocks;
        to->across[i] = jpeg_mcus_across(header) * one->h;
        to->rows[i] = to->mcu_rows * one->v;
        to->width[i] = ceil_div(ceil_div(header->width * one->h, luma->h), 8);
        to->height[i] = ceil_div(ceil_div(header->height * one->v, luma->v), 8);
        to->blocks += (size_t)to->across[i] * (size_t)to->rows[i];
    }
}
