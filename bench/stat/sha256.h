/* sha256.h: SHA-256 (FIPS 180-4), to say in a record exactly which binary or library was measured. Streaming,
 * no allocation, constant memory. */
#ifndef HG_BENCH_STAT_SHA256_H
#define HG_BENCH_STAT_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_HEX 65 /* 64 digits and the NUL */

struct sha256 {
    uint32_t state[8];
    uint64_t bytes; /* taken so far */
    unsigned char block[64];
};

void sha256_init(struct sha256 *s);
void sha256_update(struct sha256 *s, const void *data, size_t bytes);
void sha256_final(struct sha256 *s, unsigned char digest[32]);
void sha256_hex(const unsigned char digest[32], char hex[SHA256_HEX]);

/* The digest of a file's contents in lower-case hex. Only regular files: 0, or -errno (-EINVAL when it is not
 * one). */
int sha256_file(const char *path, char hex[SHA256_HEX]);

#endif
