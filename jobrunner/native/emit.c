/* Record stored coefficients or samples in the order in which they are written. */
#include "emit.h"

/* Record one block of the output. */
static int emit_block(const source *from, int chroma, const int16_t *values, uint64_t mask, int32_t *dc_out,
                      symbol_record *out) {
    open_block under_way;
    if (begin_block(out, &from->to, chroma, values[0], dc_out, &under_way)) return JPEG_REFUSED;
    for (; mask; mask &= mask - 1) {
        int k = __builtin_ctzll(mask);
        if (requantise_value(out, &from->to, chroma, k, values[k], &under_way)) return JPEG_REFUSED;
    }
    finish_block(out, &from->to, chroma, &under_way);
    return JPEG_OK;
}

/* Record a block beyond the edge of the image: the same as the block before it. */
static void emit_repeated(int chroma, int32_t dc, symbol_record *out) {
    open_block under_way;
    if (out->candidates) {
        begin_candidate_block(out->candidates, dc, &under_way);
    } else {
        put_symbol(out, TABLE_DC + chroma, 0, 0, 0);
        put_symbol(out, TABLE_AC + chroma, 0, 0, 0);
    }
}

/* The stored block at a row and column of a component; beyond the image a null block. */
ALWAYS stored stored_at(const store *of, int component, int row, int column) {
    if (row >= of->height[component] || column >= of->width[component]) return (stored){0, 0};
    size_t index = store_index(of, component, row, column);
    return (stored){of->block[index], of->mask[index]};
}

/* As halve(), for blocks in which the image ends, after `width` x `height` samples. They are decoded to
 * samples, and the last row and column are repeated. So what lies hidden beyond the edge, as after a lossless
 * crop, is not mixed in. */
static uint64_t halve_at_edge(const stored from[2][2], const source *by, int width, int height, int16_t to[64]) {
    uint8_t samples[16 * 16] = {0}, halved[8 * 8];
    const basis eight = basis_of(8);
    int across = by->by.across, down = by->by.down, right = width - 1, bottom = height - 1;
    for (int y = 0; y < down; y++)
        for (int x = 0; x < across; x++)
            if (from[y][x].block)
                block_to_samples(from[y][x].block, from[y][x].mask, by->steps, &eight, &eight,
                                 samples + 8 * (16 * y + x), 16);
    for (int y = 0; y < 8; y++) {
        for (int x = 0; x < 8; x++) {
            int sum = 0;
            for (int i = 0; i < down; i++)
                for (int j = 0; j < across; j++) {
                    int row = y * down + i, column = x * across + j;
                    sum += samples[16 * (row < bottom ? row : bottom) + (column < right ? column : right)];
                }
            halved[8 * y + x] = (uint8_t)((2 * sum + across * down) / (2 * across * down));
        }
    }
    return samples_to_block(halved, 1, 8, 8, 8, by->least, to);
}

/* Record the block of the output at that row and column. */
ALWAYS int emit_next(const store *of, source *from, int component, int row, int column, symbol_record *out) {
    int chroma = component > 0;
    int16_t made[64];
    if (from->plane.at) {
        const sample_walk *plane = &from->plane;
        int x = 8 * column, y = 8 * row;
        if (x >= plane->width || y >= plane->height) {
            emit_repeated(chroma, from->dc_out, out);
            return JPEG_OK;
        }
        uint64_t mask = samples_to_block(plane->at + x * plane->right + y * plane->down, plane->right,
                                         plane->down, plane->width - x, plane->height - y, from->least, made);
        return emit_block(from, chroma, made, mask, &from->dc_out, out);
    }
    if (from->by.across == 1 && from->by.down == 1) {
        stored found = stored_at(of, component, row, column);
        if (found.block) return emit_block(from, chroma, found.block, found.mask, &from->dc_out, out);
        emit_repeated(chroma, from->dc_out, out);
        return JPEG_OK;
    }
    stored some[2][2] = {{{0, 0}, {0, 0}}, {{0, 0}, {0, 0}}};
    for (int y = 0; y < from->by.down; y++)
        for (int x = 0; x < from->by.across; x++)
            some[y][x] = stored_at(of, component, row * from->by.down + y, column * from->by.across + x);
    const stored(*halved)[2] = (const stored(*)[2])some;
    int width = from->width - 8 * from->by.across * column, height = from->height - 8 * from->by.down * row;
    int is_edge = some[0][0].block && ((width < 8 * from->by.across && width & 7) ||
                                       (height < 8 * from->by.down && height & 7));
    uint64_t mask = is_edge ? halve_at_edge(halved, from, width, height, made)
                            : halve(halved, from->by, from->steps, from->least, made);
    return emit_block(from, chroma, made, mask, &from->dc_out, out);
}

int emitter_band(int number, emitter *from, symbol_record *out) {
    int columns = jpeg_mcus_across(from->output);
    for (int column = 0; column < columns; column++) {
        if (!has_room(out)) return JPEG_NO_ROOM;
        for (int i = 0; i < from->output->components; i++) {
            source *some = &from->from[i];
            for (int y = 0; y < some->v; y++)
                for (int x = 0; x < some->h; x++)
                    if (emit_next(from->of, some, i, number * some->v + y, column * some->h + x, out))
                        return JPEG_REFUSED;
        }
    }
    return JPEG_OK;
}

void emitter_begin(const jpeg_header *output, const store *of, emitter *to) {
    to->output = output;
    to->of = of;
}

void emitter_component(int component, const uint16_t steps[64], int made, const uint16_t target[2][64],
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
    requantiser_prepare(made ? ones : steps, target[chroma], made ? FINE : 0, lambda[chroma],
                        lambda[2 + chroma], &one->to);
    for (int k = 0; k < 64; k++) {
        float least = one->to.lambda ? 0.5f : ((float)one->to.threshold[k] - 0.5f) / (1 << FINE);
        int row = natural_order[k] >> 3, column = natural_order[k] & 7;
        one->least[0].at[row][column] = one->least[1].at[column][row] = least;
    }
}
