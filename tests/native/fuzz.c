/* A coverage-guided fuzzer for jobrunner/native. The library is built with sanitizers and
 * -fsanitize-coverage=trace-pc, this file without coverage.
 *
 * fuzz SEEDS SECONDS NUMBER FINDING: mutate the files in the folder SEEDS, and those of their mutants that
 * reached new code. NUMBER seeds the random numbers. Input, output and scratch have their exact sizes, so that
 * any access beyond them is detected. Each output must be accepted again as an input and come back unchanged.
 * On a finding the input is written to FINDING, and the process aborts. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../jobrunner/native/jpeg.h"

typedef struct {
    int32_t eighths, width, height, orientation, coarse;
} resizing;

int64_t imagebatch_jpeg_scratch(const uint8_t *data, size_t size, int coarse);
int64_t imagebatch_jpeg_recode(const uint8_t *data, size_t size, int coarse,
                               const uint16_t (*target)[64], const int32_t lambda[4], uint8_t *out,
                               size_t room, uint8_t *scratch, size_t scratch_room);
int64_t imagebatch_jpeg_resize_scratch(const uint8_t *data, size_t size, const resizing *how);
int64_t imagebatch_jpeg_resize(const uint8_t *data, size_t size, const resizing *how,
                               const uint16_t (*target)[64], const int32_t lambda[4], uint8_t *out,
                               size_t room, uint8_t *scratch, size_t scratch_room);
void __sanitizer_cov_trace_pc(void);
void __asan_on_error(void);

enum { EDGES = 1 << 16, LARGEST = 60000, MOST = 100000, MOST_SCRATCH = 1 << 24 };

typedef struct {
    uint8_t *data;
    size_t size;
} input;

static uint8_t seen[EDGES], ever[EDGES];
static uintptr_t previous;
static input corpus[MOST];
static int inputs;
static uint64_t state;
static const char *finding;
static const uint8_t *current;
static size_t current_size;
static long accepted, runs;

void __sanitizer_cov_trace_pc(void) {
    uintptr_t here = ((uintptr_t)__builtin_return_address(0) * 0x9E3779B1u) >> 4;
    seen[(here ^ previous) & (EDGES - 1)]++;
    previous = here >> 1;
}

static uint32_t dice(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 11);
}

/* Save the current input. AddressSanitizer calls this before it ends the process. */
void __asan_on_error(void) {
    FILE *file = fopen(finding, "wb");
    if (!file) return;
    fwrite(current, 1, current_size, file);
    fclose(file);
}

static void require(int holds, const char *claim) {
    if (holds) return;
    fprintf(stderr, "%s\n", claim);
    __asan_on_error();
    abort();
}

static void *room_for(size_t bytes) {
    void *memory = malloc(bytes ? bytes : 1);
    if (!memory) exit(3);
    return memory;
}

typedef struct {
    uint8_t *data;
    int64_t size;
} output;

static const int32_t BITS[3][4] = {{0}, {6000, 6000, 200, 100}, {1, 1 << 24, 1 << 24, 0}};

/* Recode without a loss, with much more room than is needed. */
static output once_more(const uint8_t *data, size_t size, const int32_t bits[4]) {
    int64_t needed = imagebatch_jpeg_scratch(data, size, 0);
    require(needed > 0, "its own output is refused");
    size_t room = 4 * size + 4096, scratch_room = (size_t)needed + 256 * size;
    uint8_t *out = room_for(room), *scratch = room_for(scratch_room);
    int64_t result = imagebatch_jpeg_recode(data, size, 0, NULL, bits, out, room, scratch, scratch_room);
    require(result > 0, "its own output is refused");
    free(scratch);
    return (output){out, result};
}

static int is_equal(output one, const uint8_t *data, size_t size) {
    return one.size == (int64_t)size && !memcmp(one.data, data, size);
}

static int is_progressive(const uint8_t *data, size_t size) {
    for (size_t i = 2; i + 4 < size && data[i + 1] != 0xDA;) {
        if (data[i + 1] == 0xC2) return 1;
        i += 2u + (size_t)(data[i + 2] << 8 | data[i + 3]);
    }
    return 0;
}

/* Check that an output holds the same coefficients when it is read again, as a sequential and as a progressive
 * JPEG. Scans of one component hold no blocks beyond the image, so these are not compared. */
static void check_again(const uint8_t *data, size_t size, int chosen) {
    output plain = once_more(data, size, BITS[0]);
    require(chosen || is_equal(plain, data, size), "its own output changes");
    output again = once_more(plain.data, (size_t)plain.size, BITS[0]);
    require(is_equal(again, plain.data, (size_t)plain.size), "its own output changes");
    output small = once_more(data, size, BITS[1 + dice() % 2]);
    output back = once_more(small.data, (size_t)small.size, BITS[0]);
    if (is_progressive(data, size) == is_progressive(small.data, (size_t)small.size))
        require(is_equal(back, plain.data, (size_t)plain.size), "other scans are other coefficients");
    free(plain.data);
    free(again.data);
    free(small.data);
    free(back.data);
}

/* Whether the last run took an edge of the code more often than any run before. */
static int is_new(void) {
    int found = 0;
    for (int i = 0; i < EDGES; i++) {
        if (!seen[i]) continue;
        uint8_t bucket = seen[i] < 4 ? (uint8_t)(1 << (seen[i] - 1)) : seen[i] < 32 ? 8 : 16;
        found |= bucket & ~ever[i];
        ever[i] |= bucket;
    }
    return found != 0;
}

/* A request to resize: mostly one that fits the size that the data claims, sometimes any other. */
static resizing size_for(const uint8_t *data, size_t size) {
    int32_t width = 40, height = 40;
    for (size_t i = 2; i + 9 < size; i++) {
        if (data[i] != 0xFF || (data[i + 1] & 0xFC) != 0xC0) continue;
        height = data[i + 5] << 8 | data[i + 6];
        width = data[i + 7] << 8 | data[i + 8];
        break;
    }
    resizing how = {1 + (int32_t)(dice() % 8), 1, 1, 1 + (int32_t)(dice() % 8), (int32_t)(dice() % 2)};
    int32_t across = (width * how.eighths + 7) / 8, down = (height * how.eighths + 7) / 8;
    int32_t fewer = 1 + (int32_t)(dice() % 6);
    how.width = dice() % 4 ? across / fewer : (int32_t)(dice() % 70000) - 1000;
    how.height = dice() % 4 ? down / fewer : across;
    if (dice() % 8 == 0) how.orientation = how.eighths = (int32_t)dice();
    return how;
}

static int run(const uint8_t *data, size_t size) {
    uint16_t target[2][64];
    uint32_t mode = dice() % 5;
    for (int k = 0; k < 128; k++)
        target[k / 64][k % 64] = (uint16_t)(mode == 0 ? 1 : mode == 1 ? 255 : 1 + dice() % 255);
    int coarse = dice() % 2;
    int resizes = dice() % 3 == 0;
    resizing how = size_for(data, size);
    int64_t needed = resizes ? imagebatch_jpeg_resize_scratch(data, size, &how)
                             : imagebatch_jpeg_scratch(data, size, coarse);
    if (needed < 0 || needed > MOST_SCRATCH) needed = 64;
    size_t room = size, scratch_room = (size_t)needed;
    switch (dice() % 8) {
    case 0: room = dice() % (size + 1); break;
    case 1: scratch_room = dice() % (scratch_room + 1); break;
    case 2: room = 4 * size + 4096, scratch_room += 256 * size; break;
    default: break;
    }
    current = data;
    current_size = size;
    uint8_t *in = room_for(size), *out = room_for(room);
    uint8_t *scratch = room_for(scratch_room);
    memcpy(in, data, size);
    memset(seen, 0, sizeof seen);
    previous = 0;
    const uint16_t(*tables)[64] = (const uint16_t(*)[64])target;
    const int32_t *bit = BITS[dice() % 3];
    int64_t result = resizes ? imagebatch_jpeg_resize(in, size, &how, tables, bit, out, room, scratch, scratch_room)
                             : imagebatch_jpeg_recode(in, size, coarse, mode == 4 ? NULL : tables, bit, out, room,
                                                      scratch, scratch_room);
    int worth_keeping = is_new();
    require(result <= (int64_t)room, "more was written than there is room");
    runs++;
    if (result > 0) {
        accepted++;
        check_again(out, (size_t)result, bit[0] > 0);
    }
    free(in);
    free(out);
    free(scratch);
    return worth_keeping;
}

static void keep(const uint8_t *data, size_t size) {
    if (inputs == MOST) return;
    corpus[inputs].data = room_for(size);
    memcpy(corpus[inputs].data, data, size);
    corpus[inputs++].size = size;
}

static uint8_t odd_byte(void) {
    static const uint8_t odd[] = {0,    1,    2,    3,    4,    10,   11,   12,   15,
                                  0x11, 0x12, 0x21, 0x22, 0x7F, 0x80, 0xFE, 0xFF, 0xC1,
                                  0xC4, 0xD0, 0xD7, 0xD9, 0xDA, 0xDB, 0xDD, 0xF0};
    return dice() % 3 ? odd[dice() % sizeof odd] : (uint8_t)dice();
}

/* Make one change, mostly near the beginning of a segment; returns the new size, at most LARGEST. */
static size_t mutate(uint8_t *data, size_t size) {
    size_t starts[64], segments = 0;
    for (size_t i = 2; i + 4 < size && segments < 64 && data[i] == 0xFF;) {
        int scan = data[i + 1] == 0xDA;
        starts[segments++] = i;
        i += 2u + (size_t)(data[i + 2] << 8 | data[i + 3]);
        while (scan && i + 4 < size && (data[i] != 0xFF || !data[i + 1])) i++;
    }
    size_t at = dice() % size, some = 1 + dice() % 16;
    if (segments && dice() % 3) at = starts[dice() % 2 ? segments - 1 : dice() % segments] + dice() % 40;
    if (at >= size) at = size - 1;
    switch (dice() % 8) {
    case 0: data[at] ^= (uint8_t)(1 << dice() % 8); break;
    case 1: data[at] = odd_byte(); break;
    case 2: data[at] = (uint8_t)(data[at] + 1 - 2 * (int)(dice() % 2)); break;
    case 3: /* remove bytes */
        if (at + some >= size || size - some < 4) break;
        memmove(data + at, data + at + some, size - at - some);
        return size - some;
    case 4: /* insert bytes */
        if (size + some > LARGEST) break;
        memmove(data + at + some, data + at, size - at);
        for (size_t i = 0; i < some; i++) data[at + i] = odd_byte();
        return size + some;
    case 5: /* copy bytes of another input */ {
        const input *other = &corpus[dice() % (uint32_t)inputs];
        size_t from = dice() % other->size, length = 1 + dice() % 200;
        if (length > other->size - from) length = other->size - from;
        if (length <= size - at) memcpy(data + at, other->data + from, length);
        break;
    }
    case 6: /* repeat a segment */ {
        if (!segments) break;
        size_t from = starts[dice() % segments], to = starts[dice() % segments];
        uint8_t copy[2048];
        size_t length = 2u + (size_t)(data[from + 2] << 8 | data[from + 3]);
        if (length > sizeof copy || from + length > size || size + length > LARGEST) break;
        memcpy(copy, data + from, length);
        memmove(data + to + length, data + to, size - to);
        memcpy(data + to, copy, length);
        return size + length;
    }
    default: /* sometimes cut off; end with the end-of-image marker */
        if (dice() % 4 == 0) size = 4 + dice() % (size - 3);
        data[size - 2] = 0xFF;
        data[size - 1] = 0xD9;
    }
    return size;
}

static void read_seeds(const char *folder) {
    static uint8_t data[LARGEST];
    DIR *open = opendir(folder);
    if (!open) exit(3);
    for (struct dirent *one; (one = readdir(open));) {
        char path[4096];
        if (one->d_name[0] == '.') continue;
        if (snprintf(path, sizeof path, "%s/%s", folder, one->d_name) >= (int)sizeof path) exit(3);
        FILE *file = fopen(path, "rb");
        if (!file) exit(3);
        size_t size = fread(data, 1, sizeof data, file);
        fclose(file);
        if (size < 4) exit(3);
        run(data, size);
        keep(data, size);
    }
    closedir(open);
}

int main(int count, char **arguments) {
    static uint8_t data[LARGEST];
    if (count != 5) return 3;
    state = strtoull(arguments[3], NULL, 10) * 0x9E3779B97F4A7C15ull + 1;
    finding = arguments[4];
    read_seeds(arguments[1]);
    int seeds = inputs;
    if (!seeds) return 3;
    for (time_t end = time(NULL) + atoi(arguments[2]); time(NULL) < end;) {
        int found = inputs - seeds;
        const input *one = &corpus[dice() % 2 && found ? seeds + (int)(dice() % (uint32_t)found)
                                                       : (int)(dice() % (uint32_t)inputs)];
        size_t size = one->size;
        memcpy(data, one->data, size);
        for (uint32_t changes = 1 + dice() % 4; changes; changes--) size = mutate(data, size);
        if (run(data, size)) keep(data, size);
    }
    printf("%ld runs, %ld accepted, %d found\n", runs, accepted, inputs - seeds);
    for (int i = 0; i < inputs; i++) free(corpus[i].data);
    return 0;
}
