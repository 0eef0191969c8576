/* Prepare the tables by which blocks are requantised. */
#include "requantise.h"

void requantiser_prepare(const uint16_t from[64], const uint16_t target[64], int fine, int32_t lambda,
                         int32_t busier, requantiser *to) {
    to->dc_from = from[0];
    to->dc_target = (uint32_t)target[0] << fine;
    to->fine = fine;
    to->lambda = lambda;
    to->busier = busier;
    for (int k = 0; k < 64; k++) {
        to->from[k] = from[k];
        uint32_t step = (uint32_t)target[k] << fine;
        to->factor[k] = ((uint64_t)from[k] << 32) / step;
        /* the smallest value for which value * from / step > 1/2 */
        to->threshold[k] = step / (2u * from[k]) + 1;
    }
}
