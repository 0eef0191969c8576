/* Planes of samples. */
#ifndef IMAGEBATCH_PLANES_H
#define IMAGEBATCH_PLANES_H

#include "jpeg.h"

/* One way: how many of the source's samples is one of the result; how much of the first one, 0 to 1/2, is
 * before the source. */
typedef struct {
    double scale, before;
} axis;

/* scale.c: from `in`, width x height, to `out`, out_width x out_height. `room` bytes of `scratch` take the
 * weights and a row. JPEG_REFUSED where a scale is below 1 or over 10 or does not fit the sizes,
 * JPEG_NO_ROOM where the scratch does not suffice. */
int plane_scale(const uint8_t *in, size_t stride, size_t width, size_t height, uint8_t *out,
                size_t out_width, size_t out_height, axis across, axis down, void *scratch, size_t room);
size_t plane_scale_room(size_t width, size_t out_width);

/* sin(pi x) for |x| <= 4. */
double sine_of_pi(double x);

#endif
