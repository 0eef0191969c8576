/* The functions that are called through ctypes, for a JPEG of the same size. */
#include "candidates.h"
#include "emit.h"

/* The version of these functions, which the caller compares. Raise it when the meaning of a call changes. */
EXPORTED int imagebatch_jpeg_abi(void) { return 6; }

/* How much chroma is halved. */
static halving chroma_halving(const jpeg_header *header, int coarse) {
    const component_spec *luma = &header->component[0];
    if (!coarse || header->components == 1) return (halving){1, 1};
    return (halving){2 / luma->h, 2 / luma->v};
}

static jpeg_header output_of(const jpeg_header *header, halving by) {
    jpeg_header output = *header;
    output.component[0].h = (uint8_t)(header->component[0].h * by.across);
    output.component[0].v = (uint8_t)(header->component[0].v * by.down);
    return output;
}

/* Whether blocks can be written in the order in which they are read, so that none must be stored. */
static int is_direct(const jpeg_header *header, halving by) {
    return !header->progressive && header->scan.count == header->components && by.across == 1 && by.down == 1;
}

/* Whether a step is so close to the data's own that the own one is better: below 3/2 of it, for DC below
 * 17/10. Nothing is lost then, for few more bits. */
static int is_nearly(uint16_t step, uint16_t own, int k) {
    return k ? 2 * step < 3 * own : 10 * step < 17 * own;
}

/* The quantisation tables of the output. Its steps are never finer than the data's own, which would cost
 * bytes and keep nothing. With `snaps`, steps that are nearly the data's own become the own ones. Without a
 * target the output has the data's tables; Cb and Cr must then have the same one. Halved chroma has no steps
 * of its own. */
static int output_tables(const jpeg_header *header, halving by, const uint16_t (*target)[64], int snaps,
                         uint16_t result[2][64]) {
    static const uint16_t ones[64] = {[0 ... 63] = 1};
    int halves = by.across > 1 || by.down > 1;
    if (halves && !target) return JPEG_REFUSED;
    for (int i = 0; i < header->components; i++) {
        const uint16_t *own =
            i && halves ? ones : header->quantisation[header->component[i].quantisation];
        uint16_t *to = result[i > 0];
        for (int k = 0; k < 64; k++) {
            if (i < 2) to[k] = target ? target[i > 0][k] : own[k];
            if (!target && to[k] != own[k]) return JPEG_REFUSED;
            if (to[k] < own[k] || (snaps && is_nearly(to[k], own[k], k))) to[k] = own[k];
            if (to[k] > 255) return JPEG_REFUSED;
        }
    }
    return JPEG_OK;
}

/* Mark the positions at which the input is as coarse as the output: nothing more is lost there. */
static void mark_what_stays(const jpeg_header *header, halving by, const uint16_t tables[2][64],
                            candidates *of) {
    for (int i = 0; i < header->components; i++) {
        const uint16_t *own = header->quantisation[header->component[i].quantisation];
        int halves = i > 0 && (by.across > 1 || by.down > 1);
        for (int k = 0; k < 64; k++) of->stays[i][k] = !halves && tables[i > 0][k] == own[k];
    }
}

/* Requantise by way of stored blocks, a band at a time. */
static int requantise_stored(jpeg_header *header, const jpeg_header *output, halving by, scan_state *scans,
                             store *of, const uint16_t target[2][64], const int32_t lambda[4],
                             symbol_record *record) {
    emitter to;
    emitter_begin(output, of, &to);
    for (int i = 0; i < header->components; i++) {
        int halves = i > 0 && (by.across > 1 || by.down > 1);
        const uint16_t *steps = header->quantisation[header->component[i].quantisation];
        emitter_component(i, steps, halves, target, lambda, &to);
        if (!halves) continue;
        const component_spec *luma = &header->component[0];
        to.from[i].by = by;
        to.from[i].width = (header->width + luma->h - 1) / luma->h;
        to.from[i].height = (header->height + luma->v - 1) / luma->v;
    }
    int count = decode_begin(header, scans);
    if (count < 0) return count;
    for (int number = 0; number < of->bands; number++) {
        int result = decode_band(header, number, scans, count, of);
        if (!result) result = emitter_band(number, &to, record);
        if (result) return result;
    }
    return decode_end(scans, count);
}

/* The bytes of each part of the scratch, if blocks are stored; the record of symbols follows. */
typedef struct {
    size_t masks, blocks, scans;
} layout;

static layout lay_out_scratch(const store *of) {
    return (layout){of->blocks * sizeof *of->mask, of->blocks * sizeof *of->block,
                    MOST_SCANS * sizeof(scan_state)};
}

/* The bytes of scratch that imagebatch_jpeg_recode needs at most, or a negative code. A simple image needs
 * fewer. */
EXPORTED int64_t imagebatch_jpeg_scratch(const uint8_t *data, size_t size, int coarse) {
    jpeg_header header = {0};
    store kept;
    int result = jpeg_parse(data, size, &header);
    if (result) return result;
    halving by = chroma_halving(&header, coarse);
    store_lay_out(&header, by, &kept);
    layout parts = lay_out_scratch(&kept);
    const jpeg_header output = output_of(&header, by);
    size_t record = record_size(&output, size);
    return (int64_t)(is_direct(&header, by) ? record : parts.masks + parts.blocks + parts.scans + record);
}

/* Write the JPEG `data` to `out` with the quantisation tables `target` (luma and chroma, in zigzag order, 1 to
 * 255). If `target` is null, the tables stay, and nothing is lost. `coarse` asks for 4:2:0 chroma. If
 * lambda[0] (see requantise_direct) is 0, each coefficient is rounded to the nearest step and the output is a
 * baseline JPEG. Otherwise coefficients are kept as far as they are worth their bits, and the output has the
 * scans that take the fewest bytes. `scratch` is aligned as for uint64_t. Returns the size of the output or a
 * negative code. */
EXPORTED int64_t imagebatch_jpeg_recode(const uint8_t *data, size_t size,
                                        int coarse,
                                        const uint16_t (*target)[64], const int32_t lambda[4],
                                        uint8_t *out, size_t room, uint8_t *scratch, size_t scratch_room) {
    jpeg_header header = {0};
    symbol_record record;
    candidates chosen;
    uint16_t tables[2][64];
    const uint16_t(*steps)[64] = (const uint16_t(*)[64])tables;
    int chooses = lambda[0] > 0, result = jpeg_parse(data, size, &header);
    if (result) return result;
    halving by = chroma_halving(&header, coarse);
    result = output_tables(&header, by, target, chooses, tables);
    if (result) return result;
    const jpeg_header output = output_of(&header, by);
    store kept;
    scan_state *scans = NULL;
    size_t used = 0;
    if (!is_direct(&header, by)) {
        store_lay_out(&header, by, &kept);
        layout parts = lay_out_scratch(&kept);
        used = parts.masks + parts.blocks + parts.scans;
        if (scratch_room < used) return JPEG_NO_ROOM;
        kept.mask = (uint64_t *)scratch;
        kept.block = (int16_t(*)[64])(scratch + parts.masks);
        scans = (scan_state *)(scratch + parts.masks + parts.blocks);
    }
    mark_what_stays(&header, by, steps, &chosen);
    result = record_begin(&output, scratch + used, scratch_room - used, chooses ? &chosen : NULL, &record);
    if (result) return result;
    result = scans ? requantise_stored(&header, &output, by, scans, &kept, steps, lambda, &record)
                   : requantise_direct(&header, steps, lambda, &record);
    return result ? result : record_write(&output, steps, &record, out, room);
}
