/* Lay out candidates in the memory that the caller gives. */
#include "candidates.h"

static size_t blocks_of(const jpeg_header *output) {
    size_t blocks = 0;
    for (int i = 0; i < output->components; i++)
        blocks += (size_t)output->component[i].h * output->component[i].v;
    return blocks * (size_t)jpeg_mcus_across(output) * (size_t)jpeg_mcus_down(output);
}

size_t candidates_size(const jpeg_header *output) { return blocks_of(output) * sizeof(candidate_block); }

int candidates_lay_out(const jpeg_header *output, uint8_t *memory, size_t room, candidates *to) {
    size_t size = candidates_size(output);
    if (room < size) return JPEG_NO_ROOM;
    int h = output->component[0].h, v = output->component[0].v, first = 0;
    to->components = output->components;
    to->mcus_across = jpeg_mcus_across(output);
    to->mcus_down = jpeg_mcus_down(output);
    for (int i = 0; i < output->components; i++) {
        const component_spec *one = &output->component[i];
        to->first[i] = first;
        to->h[i] = one->h;
        to->v[i] = one->v;
        first += one->h * one->v;
        to->columns[i] = ((output->width * one->h + h - 1) / h + 7) / 8;
        to->rows[i] = ((output->height * one->v + v - 1) / v + 7) / 8;
    }
    to->in_mcu = first;
    to->blocks = to->block = (candidate_block *)(void *)memory;
    to->list = to->at = (candidate *)(void *)(memory + size);
    to->end = to->list + (room - size) / sizeof(candidate);
    return JPEG_OK;
}
