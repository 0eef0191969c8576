/* Scale a plane of 8-bit samples down with a Lanczos filter of three lobes. */
#include "scale.h"

#pragma STDC FP_CONTRACT OFF

enum { MOST_TAPS = 72, UNIT_BITS = 14, ROW_BITS = UNIT_BITS + 7 - 16, CHUNK = 64 };

double sine_of_pi(double x) {
    int whole = (int)(x < 0 ? x - 0.5 : x + 0.5);
    double t = (x - whole) * 3.14159265358979323846, square = t * t, sum = t, term = t;
    for (int n = 2; n < 16; n += 2) sum += term *= -square / (n * (n + 1));
    return whole & 1 ? -sum : sum;
}

static double lanczos(double x) {
    if (x < 0) x = -x;
    if (x < 1e-6) return 1;
    return x < 3 ? sine_of_pi(x) * sine_of_pi(x / 3) * 3 / (9.8696044010893586188 * x * x) : 0;
}

/* The weights, in 1/2^UNIT_BITS, of the `taps` samples of the source from `*first` on for the sample `at` of
 * the result. Samples beyond `size`, the size of the source, have the weight 0. */
static void weigh(int64_t at, int64_t size, axis by, int taps, int64_t *first, int16_t *weights) {
    double scale = by.scale, centre = ((double)at + 0.5 - by.before) * scale, found[MOST_TAPS], sum = 0;
    int64_t from = (int64_t)(centre - 3 * scale + 0.5), to = (int64_t)(centre + 3 * scale + 0.5);
    if (centre < 3 * scale) from = 0;
    if (to > size) to = size;
    if (from > size - 1) from = size - 1;
    int count = (int)(to - from);
    if (count > taps) count = taps;
    if (count < 1) count = 1;
    for (int i = 0; i < count; i++) {
        found[i] = lanczos(((double)(from + i) + 0.5 - centre) / scale);
        sum += found[i];
    }
    for (int i = 0; i < taps; i++) {
        double weight = i < count && sum > 0 ? found[i] / sum * (1 << UNIT_BITS) : 0;
        weights[i] = (int16_t)(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    *first = from;
}

/* The number of samples that a sample of the result is made of, rounded up to a multiple of 8; 0 if they are
 * too many. */
static int taps_of(double scale) {
    if (!(scale >= 1 && scale <= (MOST_TAPS - 8) / 6.0)) return 0;
    return ((int)(6 * scale) + 1 + 7) / 8 * 8;
}

/* Whether the centre of the last sample lies outside the source. The samples near it may then have no weight,
 * or a negative one. */
static int is_beyond(size_t count, axis by, size_t size) {
    return ((double)count - 0.5 - by.before) * by.scale > (double)size + 0.001;
}

/* Blend rows of the source to one row of the result's height, in 1/2^ROW_BITS. Sums have 16 bits: each product
 * is truncated to 1/2^ROW_BITS, and the average loss of half a unit is added beforehand. */
static void blend_rows(const uint8_t *in, size_t stride, size_t width, const int16_t *weights, int rows,
                       int16_t *row) {
    for (size_t x = 0; x < width; x += CHUNK) {
        int16_t sums[CHUNK];
        size_t wide = width - x < CHUNK ? width - x : CHUNK;
        for (int i = 0; i < CHUNK; i++) sums[i] = (int16_t)(rows / 2);
        for (int t = 0; t < rows; t++) {
            const uint8_t *from = in + (size_t)t * stride + x;
            int16_t weight = weights[t];
            if (wide == CHUNK)
                for (int i = 0; i < CHUNK; i++)
                    sums[i] = (int16_t)(sums[i] + (int16_t)((int16_t)(from[i] << 7) * weight >> 16));
            else
                for (size_t i = 0; i < wide; i++)
                    sums[i] = (int16_t)(sums[i] + (int16_t)((int16_t)(from[i] << 7) * weight >> 16));
        }
        for (size_t i = 0; i < wide; i++) row[x + i] = sums[i];
    }
}

size_t plane_scale_room(size_t width, size_t out_width) {
    return out_width * sizeof(int32_t) + (out_width * MOST_TAPS + width + MOST_TAPS) * sizeof(int16_t);
}

int plane_scale(const uint8_t *in, size_t stride, size_t width, size_t height, uint8_t *out,
                size_t out_width, size_t out_height, axis across, axis down, void *scratch, size_t room) {
    int taps = taps_of(across.scale), rows = taps_of(down.scale);
    if (!taps || !rows || !width || !height || width > 65500 || height > 65500) return JPEG_REFUSED;
    if (out_width > width || out_height > height) return JPEG_REFUSED;
    if (is_beyond(out_width, across, width) || is_beyond(out_height, down, height)) return JPEG_REFUSED;
    size_t weights_of_all = out_width * (size_t)taps;
    if (room < plane_scale_room(width, out_width)) return JPEG_NO_ROOM;
    int32_t *first = scratch;
    int16_t *weights = (int16_t *)(first + out_width), *row = weights + weights_of_all;
    int16_t of_row[MOST_TAPS];
    int64_t from;
    for (size_t x = 0; x < out_width; x++) {
        weigh((int64_t)x, (int64_t)width, across, taps, &from, weights + x * (size_t)taps);
        first[x] = (int32_t)from;
    }
    for (int i = 0; i < MOST_TAPS; i++) row[width + (size_t)i] = 0;
    for (size_t y = 0; y < out_height; y++) {
        weigh((int64_t)y, (int64_t)height, down, rows, &from, of_row);
        int there = (int64_t)height - from < rows ? (int)((int64_t)height - from) : rows;
        while (there > 1 && !of_row[there - 1]) there--;
        blend_rows(in + (size_t)from * stride, stride, width, of_row, there, row);
        for (size_t x = 0; x < out_width; x++) {
            const int16_t *some = row + first[x], *by = weights + x * (size_t)taps;
            int32_t sum = 1 << (UNIT_BITS + ROW_BITS - 1);
            for (int t = 0; t < taps; t += 8)
                for (int i = 0; i < 8; i++) sum += some[t + i] * by[t + i];
            sum >>= UNIT_BITS + ROW_BITS;
            *out++ = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
        }
    }
    return JPEG_OK;
}
