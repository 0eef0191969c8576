/* Stored coefficients to symbols, in the order in which they are written. */
#include "emit.h"

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
    int16_t made[64];
    if (from->plane.at) {
        const samples *plane = &from->plane;
        int x = 8 * column, y = 8 * row;
        if (x >= plane->width || y >= plane->height) {
            nothing(chroma, out);
            return JPEG_OK;
        }
        uint64_t mask = samples_to_block(plane->at + x * plane->right + y * plane->down, plane->right,
                                         plane->down, plane->width - x, plane->height - y, from->least, made);
        return block(from, chroma, made, mask, &from->dc_out, out);
    }
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
    uint64_t mask = halve((const stored(*)[2])some, from->by, from->steps, from->least, made);
    return block(from, chroma, made, mask, &from->dc_out, out);
}

static int band(int number, emitter *from, symbol_record *out) {
    int columns = jpeg_mcus_across(from->output);
    for (int column = 0; column < columns; column++) {
        if (out->end - out->at < MOST_BLOCKS * MOST_SYMBOLS) return JPEG_NO_ROOM;
        for (int i = 0; i < from->output->components; i++) {
            source *some = &from->from[i];
            for (int y = 0; y < some->v; y++)
                for (int x = 0; x < some->h; x++)
                    if (one(from->of, some, i, number * some->v + y, column * some->h + x, out))
                        return JPEG_REFUSED;
        }
    }
    return JPEG_OK;
}

static void measure(emitter *from, const symbol_record *record) {
    for (int i = 0; i < from->output->components; i++) requantiser_measure(record, i > 0, &from->from[i].to);
}

/* The first band once with nothing weighed, which is then taken back, for the lengths of codes. */
static int rehearse(emitter *from, symbol_record *out) {
    symbol *start = out->at;
    int components = from->output->components;
    int32_t lambda[MAX_COMPONENTS];
    for (int i = 0; i < components; i++) {
        lambda[i] = from->from[i].to.lambda;
        from->from[i].to.lambda = 0;
    }
    int result = band(0, from, out);
    for (int i = 0; i < components; i++) {
        from->from[i].to.lambda = lambda[i];
        from->from[i].dc_out = 0;
    }
    measure(from, out);
    for (int table = 0; table < 4; table++)
        for (int i = 0; i < 257; i++) out->used[table][i] = 0;
    out->at = start;
    return result;
}

void emitter_begin(const jpeg_header *output, const store *of, emitter *to) {
    to->output = output;
    to->of = of;
    to->weighs = 0;
    to->written = 0;
    to->measure_at = 256;
}

void emitter_component(int component, const uint16_t steps[64], int in_ones, const uint16_t target[2][64],
                       const int32_t lambda[4], emitter *to) {
    static const uint16_t ones[64] = {[0 ... 63] = 1};
    source *one = &to->from[component];
    int chroma = component > 0;
    one->steps = steps;
    one->by = (halving){1, 1};
    one->plane.at = 0;
    one->h = to->output->component[component].h;
    one->v = to->output->component[component].v;
    one->dc_out = 0;
    requantiser_prepare(in_ones ? ones : steps, target[chroma], lambda[chroma], lambda[2 + chroma], &one->to);
    for (int k = 0; k < 64; k++) {
        float least = one->to.lambda ? 0.5f : (float)one->to.threshold[k] - 0.5f;
        int row = natural_place[k] >> 3, column = natural_place[k] & 7;
        one->least[0].at[row][column] = one->least[1].at[column][row] = least;
    }
    to->weighs |= one->to.lambda != 0;
}

int emitter_band(int number, emitter *from, symbol_record *out) {
    int result = !number && from->weighs ? rehearse(from, out) : JPEG_OK;
    if (from->written >= from->measure_at) {
        from->measure_at = 4 * from->written;
        measure(from, out);
    }
    from->written += jpeg_mcus_across(from->output);
    return result ? result : band(number, from, out);
}
