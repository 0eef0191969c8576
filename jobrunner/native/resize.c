/* Make a JPEG smaller, or turn it, by way of its planes. Chroma stays as coarse as it is. */
#include "candidates.h"
#include "emit.h"
#include "scale.h"
#include "dct.h"

/* The request, as ctypes hands it over. */
typedef struct {
    int32_t eighths;       /* samples that a block is decoded to in each direction, 1 to 8 */
    int32_t width, height; /* size of the output before it is turned */
    int32_t orientation;   /* that of EXIF, 1 to 8 */
    int32_t coarse;        /* the output has 4:2:0 chroma */
} resizing;

/* How a component is made smaller. */
typedef struct {
    int across, down;          /* samples that a block is decoded to, in each direction */
    int stride, rows;          /* size of the decoded plane, in samples of whole blocks */
    int width, height;         /* size of the part of it that belongs to the image */
    int out_width, out_height; /* size of the output's plane before it is turned */
    int share_across, share_down; /* samples of luma for one sample of this component, in the output */
    axis by_across, by_down;   /* how the decoded plane is scaled to the output's */
} part;

/* How to walk through a plane so that it comes out upright, by EXIF's orientation minus 1: whether rows and
 * columns are exchanged, and from which corner the walk begins. */
static const struct {
    int turned, from_right, from_bottom;
} WALKS[8] = {{0, 0, 0}, {0, 1, 0}, {0, 1, 1}, {0, 0, 1}, {1, 0, 0}, {1, 0, 1}, {1, 1, 1}, {1, 1, 0}};

/* How a plane is scaled in one direction, never below 1. In the input, one sample stands for `finer` of the
 * `pixels`, and 8 samples are decoded to `eighths`. In the output, one sample stands for `share` of its
 * `output` pixels. The last sample of the walk may reach beyond the image; if the walk runs `from_end`, that
 * is the first one of the plane. */
static axis axis_of(int pixels, int eighths, int finer, int share, int output, int from_end) {
    double scale = (double)pixels * eighths * share / (8.0 * finer * output);
    int beyond = ceil_div(output, share) * share - output;
    return (axis){scale < 1 ? 1 : scale, from_end ? (double)beyond / share : 0};
}

/* Plan each component; JPEG_REFUSED if the request is out of range. */
static int plan_parts(const jpeg_header *header, const resizing *how, part parts[MAX_COMPONENTS]) {
    int eighths = how->eighths;
    if (eighths < 1 || eighths > 8) return JPEG_REFUSED;
    if (how->orientation < 1 || how->orientation > 8) return JPEG_REFUSED;
    int width = ceil_div(header->width * eighths, 8), height = ceil_div(header->height * eighths, 8);
    if (how->width < 1 || how->height < 1 || how->width > width || how->height > height) return JPEG_REFUSED;
    for (int i = 0; i < header->components; i++) {
        part *one = &parts[i];
        int finer_across = header->component[0].h / header->component[i].h; /* of luma, in the input */
        int finer_down = header->component[0].v / header->component[i].v;
        int halves = i > 0 && how->coarse;
        one->share_across = halves ? 2 : finer_across;
        one->share_down = halves ? 2 : finer_down;
        one->across = finer_across < one->share_across ? (eighths + 1) / 2 : eighths;
        one->down = finer_down < one->share_down ? (eighths + 1) / 2 : eighths;
        int own_width = ceil_div(header->width, finer_across), own_height = ceil_div(header->height, finer_down);
        one->stride = ceil_div(own_width, 8) * one->across;
        one->rows = ceil_div(own_height, 8) * one->down;
        one->width = ceil_div(own_width * one->across, 8);
        one->height = ceil_div(own_height * one->down, 8);
        one->out_width = ceil_div(how->width, one->share_across);
        one->out_height = ceil_div(how->height, one->share_down);
        one->by_across = axis_of(header->width, one->across, finer_across, one->share_across, how->width,
                            WALKS[how->orientation - 1].from_right);
        one->by_down = axis_of(header->height, one->down, finer_down, one->share_down, how->height,
                          WALKS[how->orientation - 1].from_bottom);
    }
    return JPEG_OK;
}

/* Whether there is nothing to scale. */
static int is_whole(axis by) { return by.scale == 1 && by.before == 0; }
static int is_same(const part *one) { return is_whole(one->by_across) && is_whole(one->by_down); }

/* The header of the output, which is upright. */
static jpeg_header output_of(const jpeg_header *header, const resizing *how, const part parts[MAX_COMPONENTS]) {
    jpeg_header output = *header;
    int last = header->components - 1, turned = WALKS[how->orientation - 1].turned;
    output.width = turned ? how->height : how->width;
    output.height = turned ? how->width : how->height;
    output.component[0].h = (uint8_t)(turned ? parts[last].share_down : parts[last].share_across);
    output.component[0].v = (uint8_t)(turned ? parts[last].share_across : parts[last].share_down);
    return output;
}

/* The walk through a plane that is stored turned, so that it comes out upright. */
static sample_walk upright_samples(const uint8_t *plane, size_t stride, int width, int height, int orientation) {
    int n = orientation - 1, turned = WALKS[n].turned;
    ptrdiff_t along = WALKS[n].from_right ? -1 : 1;
    ptrdiff_t down = WALKS[n].from_bottom ? -(ptrdiff_t)stride : (ptrdiff_t)stride;
    if (WALKS[n].from_right) plane += width - 1;
    if (WALKS[n].from_bottom) plane += (size_t)(height - 1) * stride;
    return (sample_walk){plane, turned ? down : along, turned ? along : down, turned ? height : width,
                     turned ? width : height};
}

/* How the scratch is divided. */
typedef struct {
    size_t blocks, scans, scale, planes[MAX_COMPONENTS], out[MAX_COMPONENTS], record; /* offsets */
} layout;

static size_t aligned(size_t size) { return (size + 15) / 16 * 16; }

static layout lay_out_scratch(const jpeg_header *header, const part parts[MAX_COMPONENTS], const store *of) {
    layout found;
    size_t scale = 0;
    found.blocks = aligned(of->blocks * sizeof *of->mask);
    found.scans = found.blocks + aligned(of->blocks * sizeof *of->block);
    found.scale = found.scans + aligned(MOST_SCANS * sizeof(scan_state));
    for (int i = 0; i < header->components; i++) {
        size_t room = plane_scale_room((size_t)parts[i].width, (size_t)parts[i].out_width);
        scale = room > scale ? room : scale;
    }
    size_t at = found.scale + aligned(scale);
    for (int i = 0; i < header->components; i++) {
        const part *one = &parts[i];
        found.planes[i] = at;
        at += aligned((size_t)one->stride * (size_t)one->rows);
        found.out[i] = at;
        if (!is_same(one)) at += aligned((size_t)one->out_width * (size_t)one->out_height);
    }
    found.record = at;
    return found;
}

/* Decode the whole image to planes. */
static int decode_planes(jpeg_header *header, const part parts[MAX_COMPONENTS], const layout *at,
                         uint8_t *scratch, store *of) {
    scan_state *scans = (scan_state *)(scratch + at->scans);
    basis across[MAX_COMPONENTS], down[MAX_COMPONENTS];
    for (int i = 0; i < header->components; i++) {
        across[i] = basis_of(parts[i].across);
        down[i] = basis_of(parts[i].down);
    }
    int count = decode_begin(header, scans);
    if (count < 0) return count;
    for (int number = 0; number < of->bands; number++) {
        if (decode_band(header, number, scans, count, of)) return JPEG_REFUSED;
        for (int i = 0; i < header->components; i++) {
            const part *one = &parts[i];
            const uint16_t *steps = header->quantisation[header->component[i].quantisation];
            size_t stride = (size_t)one->stride;
            for (int row = number * of->rows[i]; row < (number + 1) * of->rows[i] && row < of->height[i]; row++) {
                size_t index = store_index(of, i, row, 0);
                uint8_t *to = scratch + at->planes[i] + (size_t)(row * one->down) * stride;
                for (int column = 0; column < of->width[i]; column++, index++, to += one->across)
                    block_to_samples(of->block[index], of->mask[index], steps, &across[i], &down[i],
                                     to, stride);
            }
        }
    }
    return decode_end(scans, count);
}

/* The bytes of scratch that imagebatch_jpeg_resize needs at most, or a negative code. A simple image needs
 * fewer. */
EXPORTED int64_t imagebatch_jpeg_resize_scratch(const uint8_t *data, size_t size, const resizing *how) {
    jpeg_header header = {0};
    part parts[MAX_COMPONENTS];
    store kept;
    int result = jpeg_parse(data, size, &header);
    if (!result) result = plan_parts(&header, how, parts);
    if (result) return result;
    const jpeg_header output = output_of(&header, how, parts);
    store_lay_out(&header, (halving){1, 1}, &kept);
    return (int64_t)(lay_out_scratch(&header, parts, &kept).record + record_size(&output, size));
}

/* As imagebatch_jpeg_recode, with another size and turned upright. */
EXPORTED int64_t imagebatch_jpeg_resize(const uint8_t *data, size_t size, const resizing *how,
                                        const uint16_t (*target)[64], const int32_t lambda[4], uint8_t *out,
                                        size_t room, uint8_t *scratch, size_t scratch_room) {
    jpeg_header header = {0};
    symbol_record record;
    candidates chosen = {0}; /* anything may be lost */
    part parts[MAX_COMPONENTS];
    store kept;
    emitter to;
    for (int k = 0; k < 128; k++)
        if (target[k / 64][k % 64] < 1 || target[k / 64][k % 64] > 255) return JPEG_REFUSED;
    int result = jpeg_parse(data, size, &header);
    if (!result) result = plan_parts(&header, how, parts);
    if (result) return result;
    const jpeg_header output = output_of(&header, how, parts);
    store_lay_out(&header, (halving){1, 1}, &kept);
    const layout at = lay_out_scratch(&header, parts, &kept);
    if (scratch_room < at.record) return JPEG_NO_ROOM;
    kept.mask = (uint64_t *)scratch;
    kept.block = (int16_t(*)[64])(scratch + at.blocks);
    result = decode_planes(&header, parts, &at, scratch, &kept);
    if (result) return result;
    emitter_begin(&output, 0, &to);
    for (int i = 0; i < header.components; i++) {
        const part *one = &parts[i];
        const uint8_t *plane = scratch + at.planes[i];
        size_t stride = (size_t)one->stride;
        if (!is_same(one)) {
            result = plane_scale(plane, stride, (size_t)one->width, (size_t)one->height, scratch + at.out[i],
                                 (size_t)one->out_width, (size_t)one->out_height, one->by_across, one->by_down,
                                 scratch + at.scale, at.planes[0] - at.scale);
            if (result) return result;
            plane = scratch + at.out[i];
            stride = (size_t)one->out_width;
        }
        emitter_component(i, 0, 1, target, lambda, &to);
        to.from[i].plane = upright_samples(plane, stride, one->out_width, one->out_height, how->orientation);
    }
    result = record_begin(&output, scratch + at.record, scratch_room - at.record, lambda[0] > 0 ? &chosen : NULL,
                          &record);
    for (int number = 0, bands = jpeg_mcus_down(&output); number < bands && !result; number++)
        result = emitter_band(number, &to, &record);
    return result ? result : record_write(&output, target, &record, out, room);
}
