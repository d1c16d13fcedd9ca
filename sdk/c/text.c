/* Searching and making text. */
#include <stdarg.h>
#include <stdio.h>

#include "weir_internal.h"

/* Sixteen bytes at a time, where the machine can: what is the same on all is here. */
#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#define SIXTEEN
typedef v128_t sixteen;
static inline sixteen load(const char *at) { return wasm_v128_load(at); }
static inline sixteen of(char byte) { return wasm_i8x16_splat(byte); }
static inline sixteen both(sixteen a, sixteen b) { return wasm_v128_and(a, b); }
static inline sixteen either(sixteen a, sixteen b) { return wasm_v128_or(a, b); }
static inline sixteen same(sixteen a, sixteen b) { return wasm_i8x16_eq(a, b); }
static inline bool any(sixteen bits) { return wasm_v128_any_true(bits); }
static inline unsigned top_bits(sixteen bytes) { return wasm_i8x16_bitmask(bytes); }
#elif defined(__SSE2__)
#include <emmintrin.h>
#define SIXTEEN
typedef __m128i sixteen;
static inline sixteen load(const char *at) { return _mm_loadu_si128((const __m128i *)(const void *)at); }
static inline sixteen of(char byte) { return _mm_set1_epi8(byte); }
static inline sixteen both(sixteen a, sixteen b) { return _mm_and_si128(a, b); }
static inline sixteen either(sixteen a, sixteen b) { return _mm_or_si128(a, b); }
static inline sixteen same(sixteen a, sixteen b) { return _mm_cmpeq_epi8(a, b); }
static inline unsigned top_bits(sixteen bytes) { return (unsigned)_mm_movemask_epi8(bytes); }
static inline bool any(sixteen bits) { return top_bits(bits) != 0; }
#endif

size_t weir_find_byte(weir_text text, char byte) {
    size_t i = 0;
#ifdef SIXTEEN
    sixteen wanted = of(byte);
    for (; text.len - i >= 64; i += 64) { /* most of a line holds nothing: four at once, then the one that it is in */
        const char *at = text.at + i;
        sixteen first = either(same(load(at), wanted), same(load(at + 16), wanted));
        if (any(either(first, either(same(load(at + 32), wanted), same(load(at + 48), wanted))))) break;
    }
    for (; text.len - i >= 16; i += 16) {
        sixteen hits = same(load(text.at + i), wanted);
        if (any(hits)) return i + (size_t)__builtin_ctz(top_bits(hits));
    }
#endif
    for (; i < text.len; i++)
        if (text.at[i] == byte) return i;
    return WEIR_NONE;
}

/* Places where both the first and the last byte of `what` are, sixteen at a time; those are compared in full. */
size_t weir_find_(weir_text text, weir_text what) {
    if (what.len == 0) return 0;
    if (what.len > text.len) return WEIR_NONE;
    if (what.len == 1) return weir_find_byte(text, what.at[0]);
    size_t places = text.len - what.len + 1, i = 0;
#ifdef SIXTEEN
    sixteen first = of(what.at[0]), last = of(what.at[what.len - 1]);
    for (const char *at, *to; places - i >= 32; i += 32) {
        at = text.at + i;
        to = at + what.len - 1;
        sixteen found = both(same(load(at), first), same(load(to), last));
        if (any(either(found, both(same(load(at + 16), first), same(load(to + 16), last))))) break;
    }
    for (; places - i >= 16; i += 16) {
        sixteen found = both(same(load(text.at + i), first), same(load(text.at + i + what.len - 1), last));
        if (!any(found)) continue;
        for (unsigned hits = top_bits(found); hits; hits &= hits - 1) {
            size_t at = i + (size_t)__builtin_ctz(hits);
            if (memcmp(text.at + at, what.at, what.len) == 0) return at;
        }
    }
#endif
    for (; i < places; i++)
        if (text.at[i] == what.at[0] && memcmp(text.at + i, what.at, what.len) == 0) return i;
    return WEIR_NONE;
}

/* The length of the character at the start of a text, as RFC 3629 has it; 0 where there is none. */
static size_t character(const unsigned char *at, size_t len) {
    unsigned char c = at[0], low = 0x80, high = 0xbf;
    size_t size = c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
    if (c < 0x80) return 1;
    if (size == 0 || size > len) return 0;
    if (c == 0xe0) low = 0xa0;  /* no overlong ones */
    if (c == 0xed) high = 0x9f; /* no surrogates */
    if (c == 0xf0) low = 0x90;
    if (c == 0xf4) high = 0x8f; /* nothing past U+10FFFF */
    if (at[1] < low || at[1] > high) return 0;
    for (size_t i = 2; i < size; i++)
        if (at[i] < 0x80 || at[i] > 0xbf) return 0;
    return size;
}

bool weir_is_utf8_(weir_text text) {
    for (size_t i = 0, size; i < text.len; i += size) {
#ifdef SIXTEEN
        while (text.len - i >= 16 && !top_bits(load(text.at + i))) i += 16;
        if (i == text.len) return true;
#endif
        size = character((const unsigned char *)text.at + i, text.len - i);
        if (size == 0) return false;
    }
    return true;
}

weir_text weir_vformat_(const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int len = vsnprintf(NULL, 0, format, arguments);
    if (len < 0) len = 0;
    char *at = weir_alloc((size_t)len + 1);
    if (vsnprintf(at, (size_t)len + 1, format, again) < 0) at[0] = 0;
    va_end(again);
    /* what weir is told is UTF-8, whatever was put into it */
    for (size_t i = 0, size; i < (size_t)len; i += size) {
        size = character((unsigned char *)at + i, (size_t)len - i);
        if (size == 0) at[i] = '?', size = 1;
    }
    return (weir_text){at, (size_t)len};
}

weir_text weir_format(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    weir_text text = weir_vformat_(format, arguments);
    va_end(arguments);
    return text;
}

weir_text weir_keep_(weir_text text) {
    char *copy = weir_malloc_(text.len + 1);
    if (text.len) memcpy(copy, text.at, text.len);
    copy[text.len] = 0;
    return (weir_text){copy, text.len};
}
