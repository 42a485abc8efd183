/* Stands for a vendor's photo library in tests: int unpack(char *wlt, char *picture, int save).
 * Its "WLT" is our own invention and knows a handful of pictures that were compiled in: 16 bytes of magic,
 * then the picture's number, then zeros. It has nothing to do with the real codec. */
#include <stdio.h>
#include <string.h>
#include "pictures.h" /* WIDTH, HEIGHT, COUNT, pictures[COUNT][WIDTH * HEIGHT * 3]: top row first, BGR */

static const char magic[16] = "GATEHOUSE-TEST-1";

static int number(const unsigned char *wlt)
{
    return memcmp(wlt, magic, sizeof magic) || wlt[16] >= COUNT ? -1 : wlt[16];
}

/* Bare pixels, the bottom row first, as the usual libraries leave them. */
int unpack(const unsigned char *wlt, unsigned char *out, int save)
{
    int which = number(wlt), row;
    if (which < 0 || save)
        return -1;
    for (row = 0; row < HEIGHT; row++)
        memcpy(out + row * WIDTH * 3, pictures[which] + (HEIGHT - 1 - row) * WIDTH * 3, WIDTH * 3);
    return 1;
}

/* A whole BMP, as other libraries do; no further argument, 0 for success. */
int wlt_to_bmp(const unsigned char *wlt, unsigned char *out)
{
    int which = number(wlt), row, stride = (WIDTH * 3 + 3) / 4 * 4, size = 54 + stride * HEIGHT;
    int head[13] = {size, 0, 54, 40, WIDTH, HEIGHT, 1 | 24 << 16, 0, stride * HEIGHT, 0, 0, 0, 0};
    if (which < 0)
        return -1;
    memset(out, 0, size);
    memcpy(out, "BM", 2);
    memcpy(out + 2, head, sizeof head);
    for (row = 0; row < HEIGHT; row++)
        memcpy(out + 54 + row * stride, pictures[which] + (HEIGHT - 1 - row) * WIDTH * 3, WIDTH * 3);
    return 0;
}
