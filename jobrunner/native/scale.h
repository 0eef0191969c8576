/* Scale planes of samples. */
#ifndef IMAGEBATCH_SCALE_H
#define IMAGEBATCH_SCALE_H

#include "jpeg.h"

/* How one direction is scaled. */
typedef struct {
    double scale;  /* samples of the source for one sample of the result */
    double before; /* the part of the first sample of the result that lies before the source, 0 to 1/2 */
} axis;

/* scale.c: scale `in`, width x height, to `out`, out_width x out_height. `scratch`, of `room` bytes, holds the
 * weights and one row. JPEG_REFUSED if a scale is below 1 or over 10 or does not match the sizes;
 * JPEG_NO_ROOM if the scratch is too small. */
int plane_scale(const uint8_t *in, size_t stride, size_t width, size_t height, uint8_t *out,
                size_t out_width, size_t out_height, axis across, axis down, void *scratch, size_t room);
size_t plane_scale_room(size_t width, size_t out_width);

/* sin(pi x) for |x| <= 4. */
double sine_of_pi(double x);

#endif
