/* Encode sequential and progressive scans (T.81, F.1.2 and G.1.2). The same code counts and writes symbols. */
#include "scan_coder.h"

#include "stuffing.h"

/* Write at most 32 bits. */
ALWAYS void put_bits(scan_coder *to, uint32_t value, int size) {
    to->bits = to->bits << size | value;
    to->count += size;
    if (to->count < 32) return;
    to->count -= 32;
    if (to->end - to->at < 8) {
        to->full = 1;
        return;
    }
    to->at = put_word(to->at, (uint32_t)(to->bits >> to->count));
}

/* Count a symbol or write it, with its `size` extra bits. */
ALWAYS void put_symbol(scan_coder *to, int writing, int table, uint32_t symbol, uint32_t extra, int size) {
    if (writing) {
        const huffman_encoder *codes = &to->encoders[table];
        put_bits(to, (uint32_t)codes->code[symbol] << size | extra, codes->length[symbol] + size);
    } else {
        to->used[table][symbol]++;
        to->extra += (uint64_t)size;
    }
}

ALWAYS void put_dc(scan_coder *to, int writing, int table, int difference) {
    int size = bit_length((uint32_t)(difference < 0 ? -difference : difference));
    uint32_t extra = (uint32_t)(difference < 0 ? difference - 1 : difference) & ((1u << size) - 1);
    put_symbol(to, writing, table, (uint32_t)size, extra, size);
}

/* Encode an AC coefficient of the size `value` after `run` zeros. */
ALWAYS void put_ac(scan_coder *to, int writing, int table, candidate one, uint32_t value, int run) {
    int size = bit_length(value);
    for (; run > 15; run -= 16) put_symbol(to, writing, table, 0xF0, 0, 0);
    uint32_t extra = one & CANDIDATE_NEGATIVE ? ~value & ((1u << size) - 1) : value;
    put_symbol(to, writing, table, (uint32_t)(run << 4 | size), extra, size);
}

/* Encode correction bits, which refine coefficients that are not 0 already. */
static void put_corrections(scan_coder *to, int writing, const uint8_t *bits, int count) {
    if (!writing) to->extra += (uint64_t)count;
    for (int i = 0; writing && i < count; i++) put_bits(to, bits[i], 1);
}

/* Encode the run of ended blocks (EOBRUN), with the correction bits that belong to it. */
static void end_run(scan_coder *to, int writing) {
    if (!to->run) return;
    int size = bit_length(to->run) - 1;
    put_symbol(to, writing, TABLE_AC, (uint32_t)size << 4, to->run & ((1u << size) - 1), size);
    put_corrections(to, writing, to->correction, to->corrections);
    to->run = 0;
    to->corrections = 0;
}

/* Encode the high bits of a block. */
ALWAYS void code_ac(const candidate_block *block, const candidate *list, const scan_kind *kind,
                    int writing, scan_coder *to) {
    int before = kind->first - 1;
    for (int i = 0; i < block->count; i++) {
        candidate one = list[i];
        int at = candidate_at(one);
        if (at < kind->first) continue;
        if (at > kind->last) break;
        uint32_t value = candidate_size(one) >> kind->low;
        if (!value) continue;
        if (to->run) end_run(to, writing);
        put_ac(to, writing, TABLE_AC, one, value, at - before - 1);
        before = at;
    }
    if (before < kind->last && ++to->run == 0x7FFF) end_run(to, writing);
}

/* Encode the next bit of a block: of coefficients that are there, and of those that begin with it. */
static void code_ac_refinement(const candidate_block *block, const candidate *list, const scan_kind *kind,
                               int writing, scan_coder *to) {
    uint8_t waiting[64]; /* correction bits since the last symbol */
    int waits = 0, run = 0, before = kind->first - 1, newest = 0;
    for (int i = 0; i < block->count; i++)
        if (candidate_at(list[i]) <= kind->last && candidate_size(list[i]) >> kind->low == 1)
            newest = candidate_at(list[i]);
    for (int i = 0; i < block->count; i++) {
        candidate one = list[i];
        int at = candidate_at(one);
        if (at < kind->first) continue;
        if (at > kind->last) break;
        uint32_t value = candidate_size(one) >> kind->low;
        if (!value) continue;
        run += at - before - 1;
        before = at;
        for (; run > 15 && at <= newest; run -= 16) {
            end_run(to, writing);
            put_symbol(to, writing, TABLE_AC, 0xF0, 0, 0);
            put_corrections(to, writing, waiting, waits);
            waits = 0;
        }
        if (value > 1) {
            waiting[waits++] = value & 1;
            continue;
        }
        end_run(to, writing);
        put_symbol(to, writing, TABLE_AC, (uint32_t)run << 4 | 1, !(one & CANDIDATE_NEGATIVE), 1);
        put_corrections(to, writing, waiting, waits);
        waits = run = 0;
    }
    if (before == kind->last && !run && !waits) return;
    to->run++;
    for (int i = 0; i < waits; i++) to->correction[to->corrections++] = waiting[i];
    if (to->run == 0x7FFF || to->corrections > MOST_CORRECTIONS - 63) end_run(to, writing);
}

/* Encode the AC coefficients of a block of a sequential scan. */
ALWAYS void code_sequential_ac(const candidate_block *block, const candidate *list, int table, int writing,
                               scan_coder *to) {
    int before = 0;
    for (int i = 0; i < block->count; i++) {
        uint32_t value = candidate_size(list[i]);
        if (!value) continue;
        put_ac(to, writing, table, list[i], value, candidate_at(list[i]) - before - 1);
        before = candidate_at(list[i]);
    }
    if (before < 63) put_symbol(to, writing, table, 0, 0, 0);
}

/* Encode a scan of DC coefficients, or a sequential one of everything. */
static void code_dc_scan(const candidates *of, const scan_kind *kind, int every, int writing, scan_coder *to) {
    int before[MAX_COMPONENTS] = {0}, alone = !(kind->components & (kind->components - 1));
    int across = of->mcus_across, down = of->mcus_down;
    for (int i = 0; i < of->components; i++) {
        if (kind->components != 1 << i) continue;
        across = of->columns[i];
        down = of->rows[i];
    }
    for (int y = 0; y < down; y += every)
        for (int x = 0; x < across; x++)
            for (int i = 0; i < of->components; i++) {
                if (!(kind->components >> i & 1)) continue;
                int h = alone ? 1 : of->h[i], v = alone ? 1 : of->v[i];
                for (int n = 0; n < h * v; n++) {
                    const candidate_block *block = candidates_block(of, i, x * h + n % h, y * v + n / h);
                    put_dc(to, writing, TABLE_DC + (i > 0), block->dc - before[i]);
                    before[i] = block->dc;
                    if (kind->last)
                        code_sequential_ac(block, of->list + block->first, TABLE_AC + (i > 0), writing, to);
                }
            }
}

ALWAYS void code_scan(const candidates *of, const scan_kind *kind, int every, int writing, scan_coder *to) {
    to->run = 0;
    to->corrections = 0;
    if (!kind->first) {
        code_dc_scan(of, kind, every, writing, to);
        return;
    }
    int component = kind->components >> 1;
    for (int y = 0; y < of->rows[component]; y += every)
        for (int x = 0; x < of->columns[component]; x++) {
            const candidate_block *block = candidates_block(of, component, x, y);
            const candidate *list = of->list + block->first;
            if (kind->high) code_ac_refinement(block, list, kind, writing, to);
            else code_ac(block, list, kind, writing, to);
        }
    end_run(to, writing);
}

void scan_count(const candidates *of, const scan_kind *kind, int every, scan_coder *coder) {
    for (int table = 0; table < 4; table++)
        for (int i = 0; i < 256; i++) coder->used[table][i] = 0;
    coder->extra = 0;
    code_scan(of, kind, every, 0, coder);
}

void scan_tables(scan_coder *coder) {
    for (int table = 0; table < 4; table++) {
        uint32_t used[257];
        for (int i = 0; i < 256; i++) used[i] = coder->used[table][i];
        used[256] = 0;
        huffman_optimal(used, &coder->specs[table]);
        huffman_for_encoding(&coder->specs[table], &coder->encoders[table]);
    }
}

/* The bytes of the header of a scan of one component, and of a table's definition without its symbols. */
enum { HEADER_BYTES = 10, TABLE_BYTES = 21 };

/* 2^16 times the logarithm to the base 2, with an error of about 1/100. */
static uint64_t logarithm(uint32_t value) {
    int whole = bit_length(value) - 1;
    uint64_t part = (((uint64_t)value << 16) >> whole) - 65536;
    return ((uint64_t)whole << 16) + part + (part * (65536 - part) >> 16) * 22545 / 65536;
}

uint64_t scan_bytes(const uint32_t (*used)[256], int tables, uint64_t extra, int every) {
    uint64_t bits = extra << 16, bytes = HEADER_BYTES;
    for (int table = 0; table < tables; table++) {
        uint32_t all = 0, symbols = 0;
        for (int i = 0; i < 256; i++) {
            all += used[table][i];
            symbols += used[table][i] > 0;
        }
        if (!all) continue;
        bytes += TABLE_BYTES + symbols;
        uint64_t most = logarithm(all);
        for (int i = 0; i < 256; i++)
            if (used[table][i]) bits += used[table][i] * (most - logarithm(used[table][i]));
    }
    return bytes + (bits * (uint64_t)every >> 19);
}

uint64_t scan_estimate(const scan_coder *coder, int every) {
    return scan_bytes(coder->used, 4, coder->extra, every);
}

int scan_every(const candidates *of) {
    int every = of->mcus_down / 48;
    return every < 1 ? 1 : every > 8 ? 8 : every;
}

int scan_write(const candidates *of, const scan_kind *kind, scan_coder *coder) {
    coder->bits = 0;
    coder->count = coder->full = 0;
    code_scan(of, kind, 1, 1, coder);
    if (coder->full || coder->end - coder->at < 8) return JPEG_NO_ROOM;
    coder->at = put_rest(coder->at, coder->bits, coder->count);
    return JPEG_OK;
}
