/* The way in, for ctypes. */
#include "candidates.h"
#include "emit.h"

/* What the caller must match: raised when the meaning of a call changes. */
EXPORTED int imagebatch_jpeg_abi(void) { return 6; }

/* How the output differs from the input. */
static halving halved(const jpeg_header *header, int coarse) {
    const component *luma = &header->component[0];
    if (!coarse || header->components == 1) return (halving){1, 1};
    return (halving){2 / luma->h, 2 / luma->v};
}

static jpeg_header output_of(const jpeg_header *header, halving by) {
    jpeg_header output = *header;
    output.component[0].h = (uint8_t)(header->component[0].h * by.across);
    output.component[0].v = (uint8_t)(header->component[0].v * by.down);
    return output;
}

/* Whether blocks are written as they are read. */
static int is_direct(const jpeg_header *header, halving by) {
    return !header->progressive && header->scan.count == header->components && by.across == 1 && by.down == 1;
}

/* Steps of less than 3/2 of the data's own, for DC 17/10, are better its own: nothing is lost for few
 * more bits. */
static int is_nearly(uint16_t step, uint16_t own, int k) {
    return k ? 2 * step < 3 * own : 10 * step < 17 * own;
}

/* The tables to write with: never finer than what the data has, which would cost bytes and keep
 * nothing, and with `snaps` not nearly so fine either. Without a target the data's own, and then Cb and
 * Cr must have the same. Halved chroma has steps of its own. */
static int written(const jpeg_header *header, halving by, const uint16_t (*target)[64], int snaps,
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

/* Where the data is as coarse already, nothing more is lost. */
static void mark_what_stays(const jpeg_header *header, halving by, const uint16_t tables[2][64],
                            candidates *of) {
    for (int i = 0; i < header->components; i++) {
        const uint16_t *own = header->quantisation[header->component[i].quantisation];
        int halves = i > 0 && (by.across > 1 || by.down > 1);
        for (int k = 0; k < 64; k++) of->stays[i][k] = !halves && tables[i > 0][k] == own[k];
    }
}

/* What is stored of the input to what `output` says. */
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
        const component *luma = &header->component[0];
        to.from[i].by = by;
        to.from[i].width = (header->width + luma->h - 1) / luma->h;
        to.from[i].height = (header->height + luma->v - 1) / luma->v;
    }
    int count = scans_begin(header, scans);
    if (count < 0) return count;
    for (int number = 0; number < of->bands; number++) {
        int result = scans_band(header, number, scans, count, of);
        if (!result) result = emitter_band(number, &to, record);
        if (result) return result;
    }
    return scans_end(scans, count);
}

/* How scratch is divided, where blocks are stored: masks, blocks, scans, symbols. */
typedef struct {
    size_t masks, blocks, scans;
} layout;

static layout laid_out(const store *of) {
    return (layout){of->blocks * sizeof *of->mask, of->blocks * sizeof *of->block,
                    MOST_SCANS * sizeof(scan_state)};
}

/* The bytes of scratch that imagebatch_jpeg_recode needs, or a negative code. Fewer suffice where the
 * image is simple. */
EXPORTED int64_t imagebatch_jpeg_scratch(const uint8_t *data, size_t size, int coarse) {
    jpeg_header header = {0};
    store kept;
    int result = jpeg_parse(data, size, &header);
    if (result) return result;
    halving by = halved(&header, coarse);
    store_lay_out(&header, by, &kept);
    layout parts = laid_out(&kept);
    const jpeg_header output = output_of(&header, by);
    size_t record = record_size(&output, size);
    return (int64_t)(is_direct(&header, by) ? record : parts.masks + parts.blocks + parts.scans + record);
}

/* Write `data` with the quantisation tables `target` (luma, chroma; zigzag order, 1..255), or with
 * its own, so without a loss, where `target` is null. `coarse`: with 4:2:0 chroma. Where lambda[0], see
 * jpeg_requantise, is 0, it is a baseline JPEG of what is nearest; else one of what is worth its bits, in
 * the scans that take the fewest bytes. `scratch` is aligned as for uint64_t. The size of the output, or a
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
    halving by = halved(&header, coarse);
    result = written(&header, by, target, chooses, tables);
    if (result) return result;
    const jpeg_header output = output_of(&header, by);
    store kept;
    scan_state *scans = NULL;
    size_t used = 0;
    if (!is_direct(&header, by)) {
        store_lay_out(&header, by, &kept);
        layout parts = laid_out(&kept);
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
                   : jpeg_requantise(&header, steps, lambda, &record);
    return result ? result : record_write(&output, steps, &record, out, room);
}
