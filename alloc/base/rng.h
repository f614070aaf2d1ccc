/* rng.h: the generator of every workload: SplitMix64 for seeds, xoshiro256** for streams (Blackman & Vigna,
 * "Scrambled linear pseudorandom number generators", ACM TOMS 2021). Same seed, same stream, on every
 * machine. */
#ifndef HG_ALLOC_BASE_RNG_H
#define HG_ALLOC_BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t s[4];
};

static inline uint64_t rng_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static inline void rng_seed(struct rng *r, uint64_t seed)
{
    for (unsigned i = 0; i < 4; i++)
        r->s[i] = rng_mix(seed + i * 0x9e3779b97f4a7c15u);
}

static inline uint64_t rng_rotate(uint64_t x, unsigned k)
{
    return (x << k) | (x >> (64 - k));
}

static inline uint64_t rng_next(struct rng *r)
{
    uint64_t *s = r->s, result = rng_rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rng_rotate(s[3], 45);
    return result;
}

/* 0 .. n-1 from 32 random bits, by multiplication (Lemire, ACM TOMACS 2019; bias below n/2^32). n <= 2^32. */
static inline uint64_t rng_scale(uint32_t bits, uint64_t n)
{
    return ((uint64_t)bits * n) >> 32;
}

static inline uint64_t rng_below(struct rng *r, uint64_t n)
{
    return (uint64_t)(((unsigned __int128)rng_next(r) * n) >> 64);
}

static inline double rng_unit(struct rng *r)
{
    return (double)(rng_next(r) >> 11) * 0x1p-53;
}

#endif
