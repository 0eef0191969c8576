/* Stored coefficients to symbols, in the order in which they are written. */
#include "store.h"

#include "requantise.h"

/* Where the blocks of a component come from. */
typedef struct {
    requantiser to;
    const uint16_t *steps; /* of the input */
    halving by;
    float least;           /* what is less becomes 0 */
    int h, v;              /* blocks in an MCU of the output */
    int32_t dc_out;
} source;

static int block(const source *from, int chroma, const int16_t *values, uint64_t mask, int32_t *dc_out,
                 symbol_record *out) {
    if (put_dc(out, &from->to, chroma, values[0], dc_out)) return JPEG_REFUSED;
    choice chosen;
    chosen.busy = 0;
    chosen.last = chosen.waiting = 0;
    for (; mask; mask &= mask - 1) {
        int k = __builtin_ctzll(mask);
        if (take(out, &from->to, chroma, k, values[k], &chosen)) return JPEG_REFUSED;
    }
    return finish(out, &from->to, chroma, &chosen);
}

/* As the block before it: it is beyond the image. */
static void nothing(int chroma, symbol_record *out) {
    put(out, TABLE_DC + chroma, 0, 0, 0);
    put(out, TABLE_AC + chroma, 0, 0, 0);
}

/* The block at a row and column of those of a component; no block beyond the image. */
ALWAYS stored stored_at(const store *of, int component, int row, int column) {
    if (row >= of->height[component] || column >= of->width[component]) return (stored){0, 0};
    size_t index = store_index(of, component, row, column);
    return (stored){of->block[index], of->mask[index]};
}

/* The block of the output at that row and column. */
ALWAYS int one(const store *of, source *from, int component, int row, int column, symbol_record *out) {
    int chroma = component > 0;
    if (from->by.across == 1 && from->by.down == 1) {
        stored found = stored_at(of, component, row, column);
        if (found.block) return block(from, chroma, found.block, found.mask, &from->dc_out, out);
        nothing(chroma, out);
        return JPEG_OK;
    }
    stored some[2][2] = {{{0, 0}, {0, 0}}, {{0, 0}, {0, 0}}};
    for (int y = 0; y < from->by.down; y++)
        for (int x = 0; x < from->by.across; x++)
            some[y][x] = stored_at(of, component, row * from->by.down + y, column * from->by.across + x);
    int16_t halved[64];
    uint64_t mask = halve((const stored(*)[2])some, from->by, from->steps, from->least, halved);
    return block(from, chroma, halved, mask, &from->dc_out, out);
}

/* A band of the output. */
static int band(const jpeg_header *output, const store *of, int number, source *from, symbol_record *out) {
    int columns = jpeg_mcus_across(output);
    for (int column = 0; column < columns; column++) {
        if (out->end - out->at < MOST_BLOCKS * MOST_SYMBOLS) return JPEG_NO_ROOM;
        for (int i = 0; i < output->components; i++) {
            source *some = &from[i];
            for (int y = 0; y < some->v; y++)
                for (int x = 0; x < some->h; x++)
                    if (one(of, some, i, number * some->v + y, column * some->h + x, out))
                        return JPEG_REFUSED;
        }
    }
    return JPEG_OK;
}

/* The lengths of codes are not known before something is written: of the first band all that is not
 * nearest to 0, which is then taken back. */
static int rehearse(const jpeg_header *output, const store *of, source *from, symbol_record *out) {
    symbol *start = out->at;
    int32_t lambda[MAX_COMPONENTS];
    for (int i = 0; i < output->components; i++) {
        lambda[i] = from[i].to.lambda;
        from[i].to.lambda = 0;
    }
    int result = band(output, of, 0, from, out);
    for (int i = 0; i < output->components; i++) {
        from[i].to.lambda = lambda[i];
        from[i].dc_out = 0;
        requantiser_measure(out, i > 0, &from[i].to);
    }
    for (int table = 0; table < 4; table++)
        for (int i = 0; i < 257; i++) out->used[table][i] = 0;
    out->at = start;
    return result;
}

int jpeg_requantise_stored(jpeg_header *header, const jpeg_header *output, scan_state *scans, store *of,
                           const uint16_t target[2][64], const int32_t lambda[4], symbol_record *record) {
    static const uint16_t ones[64] = {[0 ... 63] = 1};
    source from[MAX_COMPONENTS];
    halving by = {output->component[0].h / header->component[0].h,
                  output->component[0].v / header->component[0].v};
    int components = header->components, weighs = 0;
    for (int i = 0; i < components; i++) {
        source *one = &from[i];
        int halves = i > 0 && (by.across > 1 || by.down > 1);
        one->steps = header->quantisation[header->component[i].quantisation];
        one->by = halves ? by : (halving){1, 1};
        one->h = output->component[i].h;
        one->v = output->component[i].v;
        one->dc_out = 0;
        requantiser_prepare(halves ? ones : one->steps, target[i > 0], lambda[i > 0], lambda[2 + (i > 0)],
                            &one->to);
        one->least = 0.5f;
        if (!one->to.lambda) {
            uint32_t least = one->to.threshold[1];
            for (int k = 2; k < 64; k++) least = one->to.threshold[k] < least ? one->to.threshold[k] : least;
            one->least = (float)least - 0.5f;
        }
        weighs |= one->to.lambda;
    }
    int count = scans_begin(header, scans);
    if (count < 0) return count;
    int64_t written = 0, measure_at = 256; /* MCUs after which code lengths are estimated anew */
    for (int number = 0; number < of->bands; number++) {
        int result = scans_band(header, number, scans, count, of);
        if (!result && !number && weighs) result = rehearse(output, of, from, record);
        if (written >= measure_at) {
            measure_at = 4 * written;
            for (int i = 0; i < components; i++) requantiser_measure(record, i > 0, &from[i].to);
        }
        if (!result) result = band(output, of, number, from, record);
        if (result) return result;
        written += jpeg_mcus_across(output);
    }
    return scans_end(scans, count);
}
