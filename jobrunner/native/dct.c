/* The discrete cosine transform and its inverse; dct.h describes the functions. */
#include "dct.h"

#include "scale.h"

#pragma STDC FP_CONTRACT OFF

const uint8_t natural_order[64] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

/* The inverse: the zigzag position of a place. */
static const uint8_t ZIGZAG[64] = {
    0,  1,  5,  6,  14, 15, 27, 28, 2,  4,  7,  13, 16, 26, 29, 42, 3,  8,  12, 17, 25, 30,
    41, 43, 9,  11, 18, 24, 31, 40, 44, 53, 10, 19, 23, 32, 39, 45, 52, 54, 20, 22, 33, 38,
    46, 51, 55, 60, 21, 34, 37, 47, 50, 56, 59, 61, 35, 36, 48, 49, 57, 58, 62, 63};

/* The zigzag positions in the fifth row or column or beyond. */
static const uint64_t HIGH = 0xfffffffffef9c400ull;

/* The basis of the odd frequencies of 8 points, as in dct.h, and the factors of the even ones. */
static const float ODD[4][4] = {
    {0.490392640f, 0.415734806f, 0.277785117f, 0.097545161f},
    {0.415734806f, -0.097545161f, -0.490392640f, -0.277785117f},
    {0.277785117f, -0.490392640f, 0.097545161f, 0.415734806f},
    {0.097545161f, -0.277785117f, 0.415734806f, -0.490392640f},
};
static const float C0 = 0.353553391f, C2 = 0.461939766f, C6 = 0.191341716f;

basis basis_of(int points) {
    basis found = {points, {{0}}};
    for (int k = 0; k < points; k++)
        for (int i = 0; i < (points + 1) / 2; i++) {
            double angle = (2 * i + 1) * k / (2.0 * points);
            found.at[k][i] = k ? (float)(0.5 * sine_of_pi(angle + 0.5)) : C0;
        }
    return found;
}

static inline void four_by_four(const four in[4], four out[4]) {
    four a = __builtin_shufflevector(in[0], in[1], 0, 4, 1, 5);
    four b = __builtin_shufflevector(in[0], in[1], 2, 6, 3, 7);
    four c = __builtin_shufflevector(in[2], in[3], 0, 4, 1, 5);
    four d = __builtin_shufflevector(in[2], in[3], 2, 6, 3, 7);
    out[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
    out[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
    out[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
    out[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
}

void grid_transpose(const grid *in, grid *out) {
    for (int y = 0; y < 2; y++) {
        for (int x = 0; x < 2; x++) {
            four some[4], turned[4];
            for (int i = 0; i < 4; i++) some[i] = in->half[4 * y + i][x];
            four_by_four(some, turned);
            for (int i = 0; i < 4; i++) out->half[4 * x + i][y] = turned[i];
        }
    }
}

typedef int32_t four_of_32 __attribute__((vector_size(16)));

uint64_t grid_rounded(const grid *in, int turned, const grid *least, int16_t to[64]) {
    uint64_t mask = 0, large = 1;
    for (int n = 0; n < 16; n++) {
        four some = in->half[n >> 1][n & 1], limit = least->half[n >> 1][n & 1];
        union {
            four_of_32 bits;
            uint64_t halves[2];
        } found = {((some >= limit) | (some <= -limit)) & (four_of_32){1, 2, 4, 8}};
        uint64_t both = found.halves[0] | found.halves[1];
        large |= ((both | both >> 32) & 15) << 4 * n;
    }
    for (; large; large &= large - 1) {
        int place = __builtin_ctzll(large), k = ZIGZAG[turned ? (place & 7) << 3 | place >> 3 : place];
        float value = in->at[place >> 3][place & 7] * (1 << FINE);
        value = value > 32000 ? 32000 : value < -32000 ? -32000 : value;
        to[k] = (int16_t)(value < 0 ? value - 0.5f : value + 0.5f);
        mask |= 1ull << k;
    }
    return mask & ~1ull;
}

/* Transform each column from frequencies, of which the first `used` may not be 0, to `points` samples. */
static inline __attribute__((always_inline)) void inverse_of(const grid *in, int points, int used,
                                                             const basis *by, grid *out) {
    for (int x = 0; x < 2; x++) {
        for (int i = 0; i < (points + 1) / 2; i++) {
            four even = in->half[0][x] * C0, odd = {0};
            for (int k = 2; k < used; k += 2) even += in->half[k][x] * by->at[k][i];
            for (int k = 1; k < used; k += 2) odd += in->half[k][x] * by->at[k][i];
            out->half[i][x] = even + odd;
            out->half[points - 1 - i][x] = even - odd; /* in the middle `odd` is 0 */
        }
    }
}

static void inverse(const grid *in, int is_low, const basis *by, grid *out) {
    switch (by->points) {
    case 1: inverse_of(in, 1, 1, by, out); break;
    case 2: inverse_of(in, 2, 2, by, out); break;
    case 3: inverse_of(in, 3, 3, by, out); break;
    case 4: inverse_of(in, 4, 4, by, out); break;
    case 5: is_low ? inverse_of(in, 5, 4, by, out) : inverse_of(in, 5, 5, by, out); break;
    case 6: is_low ? inverse_of(in, 6, 4, by, out) : inverse_of(in, 6, 6, by, out); break;
    case 7: is_low ? inverse_of(in, 7, 4, by, out) : inverse_of(in, 7, 7, by, out); break;
    default: is_low ? inverse_of(in, 8, 4, by, out) : inverse_of(in, 8, 8, by, out);
    }
}

/* Transform each column from samples to frequencies. */
static inline void forward(const grid *in, grid *out) {
    for (int x = 0; x < 2; x++) {
        four sum[4], difference[4];
        for (int i = 0; i < 4; i++) {
            sum[i] = in->half[i][x] + in->half[7 - i][x];
            difference[i] = in->half[i][x] - in->half[7 - i][x];
        }
        four outer = sum[0] + sum[3], inner = sum[1] + sum[2];
        four one = sum[0] - sum[3], other = sum[1] - sum[2];
        out->half[0][x] = (outer + inner) * C0;
        out->half[4][x] = (outer - inner) * C0;
        out->half[2][x] = one * C2 + other * C6;
        out->half[6][x] = one * C6 - other * C2;
        for (int m = 0; m < 4; m++)
            out->half[2 * m + 1][x] = difference[0] * ODD[m][0] + difference[1] * ODD[m][1] +
                                      difference[2] * ODD[m][2] + difference[3] * ODD[m][3];
    }
}

static inline uint8_t sample(float value) {
    value = value < 0 ? 0 : value;
    value = value > 255 ? 255 : value;
    return (uint8_t)(int)(value + 0.5f);
}

void block_to_samples(const int16_t *block, uint64_t mask, const uint16_t steps[64], const basis *across,
                      const basis *down, uint8_t *to, size_t stride) {
    float dc = (float)(block[0] * steps[0]) + 1024;
    int width = across->points, height = down->points, is_low = !(mask & HIGH);
    if (!mask) {
        uint8_t level = sample(dc * 0.125f);
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++) to[(size_t)y * stride + (size_t)x] = level;
        return;
    }
    grid one = {0}, other = {0};
    one.at[0][0] = dc;
    for (; mask; mask &= mask - 1) { /* transposed: the transposition below turns them upright */
        int k = __builtin_ctzll(mask), place = natural_order[k];
        one.at[place & 7][place >> 3] = (float)(block[k] * steps[k]);
    }
    inverse(&one, is_low, across, &other);
    grid_transpose(&other, &one);
    inverse(&one, is_low, down, &other);
    for (int y = 0; y < height; y++) {
        uint8_t *row = to + (size_t)y * stride;
        if (width == 8)
            for (int x = 0; x < 8; x++) row[x] = sample(other.at[y][x]);
        else
            for (int x = 0; x < width; x++) row[x] = sample(other.at[y][x]);
    }
}

uint64_t samples_to_block(const uint8_t *from, ptrdiff_t right, ptrdiff_t down, int width, int height,
                          const grid least[2], int16_t to[64]) {
    int turned = right != 1 && right != -1; /* then the samples of a column lie side by side */
    ptrdiff_t near = turned ? down : right, far = turned ? right : down;
    int nears = turned ? height : width, fars = turned ? width : height;
    grid one, other;
    for (int y = 0; y < 8; y++) {
        const uint8_t *row = from + (y < fars ? y : fars - 1) * far;
        if (nears >= 8 && near == 1)
            for (int x = 0; x < 8; x++) one.at[y][x] = (float)row[x];
        else if (nears >= 8 && near == -1)
            for (int x = 0; x < 8; x++) one.at[y][x] = (float)row[-x];
        else
            for (int x = 0; x < 8; x++) one.at[y][x] = (float)row[(x < nears ? x : nears - 1) * near];
    }
    forward(&one, &other);
    grid_transpose(&other, &one);
    forward(&one, &other);
    other.at[0][0] -= 1024;
    return grid_rounded(&other, !turned, &least[!turned], to);
}
