/* sha256.h: to record exactly which binary or library was measured: libmd's SHA-256 of a file. */
#ifndef HG_BENCH_HOST_SHA256_H
#define HG_BENCH_HOST_SHA256_H

#define SHA256_HEX 65 /* 64 digits and the NUL */

/* The digest of a file's contents in lower-case hex. Only regular files: 0, or -errno (-EINVAL when it is not
 * one). */
int sha256_file(const char *path, char hex[SHA256_HEX]);

#endif
