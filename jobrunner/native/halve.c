/* Halve chroma in the frequency domain.
 *
 * The four lowest frequencies of a block give four samples in place of eight (an inverse DCT of four points).
 * The eight samples of two blocks are then transformed to frequencies again. Along a line both steps together
 * are one matrix. Let a and b be the coefficients of the two blocks at frequency n. At frequency 2n the
 * output is (a + b) / 2 for even n and (a - b) / 2 for odd n. At odd frequencies it is a sum over n with the
 * factors ODD, of a - b for even n and of a + b for odd n. The order of the floating-point operations is
 * fixed, so the result is the same on every machine. */
#include "store.h"

#pragma STDC FP_CONTRACT OFF

/* [m][n]: sum over i < 4 of T8[2m + 1][i] T4[n][i] / sqrt 2, with the transforms T8 and T4. */
static const float ODD[4][4] = {
    {0.453063723f, 0.207867403f, -0.037328917f, 0.011443663f},
    {-0.159094823f, 0.395532542f, 0.256639984f, -0.048772581f},
    {0.106303762f, -0.176221475f, 0.384088878f, 0.245196320f},
    {-0.090119978f, 0.138892558f, -0.187665139f, 0.432861459f},
};

/* Along each column: combine 4 values of the upper and 4 of the lower block into 8. */
static void pass(const grid *in, grid *out) {
    for (int x = 0; x < 2; x++) {
        four low[4], high[4]; /* the parts of even and of odd output frequencies */
        for (int n = 0; n < 4; n++) {
            four a = in->half[n][x], b = in->half[4 + n][x];
            low[n] = n & 1 ? a - b : a + b;
            high[n] = n & 1 ? a + b : a - b;
        }
        for (int m = 0; m < 4; m++) {
            out->half[2 * m][x] = low[m] * 0.5f;
            out->half[2 * m + 1][x] = high[0] * ODD[m][0] + high[1] * ODD[m][1] + high[2] * ODD[m][2] +
                                      high[3] * ODD[m][3];
        }
    }
}

/* Copy the lowest frequencies of a block to the grid, from that row and column on. */
static void gather(const stored *from, halving by, const uint16_t steps[64], int row, int column, grid *to) {
    int rows = 8 / by.down, columns = 8 / by.across;
    to->at[row][column] = (float)(from->block[0] * steps[0]);
    for (uint64_t left = from->mask; left; left &= left - 1) {
        int k = __builtin_ctzll(left), y = natural_order[k] >> 3, x = natural_order[k] & 7;
        if (y < rows && x < columns) to->at[row + y][column + x] = (float)(from->block[k] * steps[k]);
    }
}

uint64_t halve(const stored from[2][2], halving by, const uint16_t steps[64], const grid *least,
               int16_t to[64]) {
    grid one = {0}, other;
    int rows = 8 / by.down, columns = 8 / by.across;
    for (int y = 0; y < by.down; y++)
        for (int x = 0; x < by.across; x++)
            if (from[y][x].block) gather(&from[y][x], by, steps, y * rows, x * columns, &one);
    if (by.across == 2 && !from[0][1].block)
        for (int y = 0; y < 8; y++)
            for (int x = 0; x < 4; x++) one.at[y][4 + x] = x & 1 ? -one.at[y][x] : one.at[y][x];
    if (by.down == 2 && !from[1][0].block)
        for (int y = 0; y < 4; y++)
            for (int x = 0; x < 8; x++) one.at[4 + y][x] = y & 1 ? -one.at[y][x] : one.at[y][x];
    if (by.down == 2) {
        pass(&one, &other);
        one = other;
    }
    if (by.across == 2) {
        grid_transpose(&one, &other);
        pass(&other, &one);
        grid_transpose(&one, &other);
        one = other;
    }
    return grid_rounded(&one, 0, least, to);
}
