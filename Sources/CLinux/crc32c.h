// SPDX-License-Identifier: Apache-2.0
#ifndef IES_CRC32C_H
#define IES_CRC32C_H

// CRC-32C (RFC 3720, section 12.1) by the processor's own instructions. `ies_crc32c_hardware` may be called only where
// `ies_crc32c_has_hardware` says so. The register is passed as it stands: the inversion before and after is the caller's.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)

#include <immintrin.h>

// Three streams at once hide the instruction's latency of three cycles. Each stream is this long; the constants are
// x^(8 * length - 33) and x^(16 * length - 33) modulo the polynomial, bit-reflected, so that one carry-less
// multiplication and one crc32q move a register past one or two streams.
#define IES_CRC32C_STREAM 1360

static inline bool ies_crc32c_has_hardware(void) {
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

__attribute__((target("sse4.2,pclmul")))
static inline uint64_t ies_crc32c_moved(uint32_t value, uint32_t distance) {
    __m128i product = _mm_clmulepi64_si128(_mm_cvtsi32_si128((int)value), _mm_cvtsi32_si128((int)distance), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

__attribute__((target("sse4.2,pclmul")))
static inline uint32_t ies_crc32c_hardware(
    uint32_t value, const void *bytes, size_t count, uint32_t one_stream, uint32_t two_streams
) {
    const unsigned char *p = (const unsigned char *)bytes;
    uint64_t a = value;
    while (count >= 3 * IES_CRC32C_STREAM) {
        uint64_t b = 0, c = 0, x, y, z;
        for (size_t i = 0; i < IES_CRC32C_STREAM; i += 8) {
            memcpy(&x, p + i, 8);
            memcpy(&y, p + i + IES_CRC32C_STREAM, 8);
            memcpy(&z, p + i + 2 * IES_CRC32C_STREAM, 8);
            a = _mm_crc32_u64(a, x);
            b = _mm_crc32_u64(b, y);
            c = _mm_crc32_u64(c, z);
        }
        uint64_t moved = ies_crc32c_moved((uint32_t)a, two_streams) ^ ies_crc32c_moved((uint32_t)b, one_stream);
        a = c ^ _mm_crc32_u64(0, moved);
        p += 3 * IES_CRC32C_STREAM;
        count -= 3 * IES_CRC32C_STREAM;
    }
    for (; count >= 8; p += 8, count -= 8) {
        uint64_t x;
        memcpy(&x, p, 8);
        a = _mm_crc32_u64(a, x);
    }
    uint32_t rest = (uint32_t)a;
    for (; count > 0; p++, count--) rest = _mm_crc32_u8(rest, *p);
    return rest;
}

#elif defined(__aarch64__)

#include <arm_acle.h>
#include <sys/auxv.h>

#define IES_CRC32C_STREAM 0

static inline bool ies_crc32c_has_hardware(void) {
    return (getauxval(AT_HWCAP) & (1UL << 7)) != 0;  // HWCAP_CRC32
}

__attribute__((target("crc")))
static inline uint32_t ies_crc32c_hardware(
    uint32_t value, const void *bytes, size_t count, uint32_t one_stream, uint32_t two_streams
) {
    const unsigned char *p = (const unsigned char *)bytes;
    (void)one_stream;
    (void)two_streams;
    for (; count >= 8; p += 8, count -= 8) {
        uint64_t x;
        memcpy(&x, p, 8);
        value = __crc32cd(value, x);
    }
    for (; count > 0; p++, count--) value = __crc32cb(value, *p);
    return value;
}

#else

#define IES_CRC32C_STREAM 0

static inline bool ies_crc32c_has_hardware(void) { return false; }

static inline uint32_t ies_crc32c_hardware(
    uint32_t value, const void *bytes, size_t count, uint32_t one_stream, uint32_t two_streams
) {
    (void)bytes;
    (void)count;
    (void)one_stream;
    (void)two_streams;
    return value;
}

#endif
#endif
