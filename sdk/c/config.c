/* A plugin's configuration: the JSON document that weir made of the operator's, key by key. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "weir_internal.h"

typedef struct {
    weir_text name, value; /* the value as it is written */
    bool read;
} entry;

struct weir_config {
    entry *entries;
    size_t count;
    bool failed;
    weir_column_ asked; /* names that were asked for, as part of a sentence */
};

/* Where the reading stands. */
typedef struct {
    const char *at, *end;
} cursor;

/* Deeper documents are refused: the reader calls itself. */
#define DEEPEST 64

static void skip_space(cursor *c) {
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\r' || *c->at == '\t')) c->at++;
}

static bool take(cursor *c, char byte) {
    skip_space(c);
    if (c->at == c->end || *c->at != byte) return false;
    c->at++;
    return true;
}

static int hex4(cursor *c, uint32_t *to) {
    *to = 0;
    for (int i = 0; i < 4; i++, c->at++) {
        if (c->at == c->end) return false;
        char d = *c->at;
        uint32_t digit = d >= '0' && d <= '9' ? d - '0' : (d | 32) >= 'a' && (d | 32) <= 'f' ? (d | 32) - 'a' + 10 : 16;
        if (digit == 16) return false;
        *to = *to << 4 | digit;
    }
    return true;
}

static void put_character(weir_column_ *to, uint32_t c) {
    uint8_t b[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n - 1; i > 0; i--, c >>= 6) b[i] = 0x80 | (c & 0x3f);
    b[0] = lead[n] | (uint8_t)c;
    weir_put_(to, b, n);
}

/* A string; its text is made in `*to` unless that is NULL. */
static bool string(cursor *c, weir_text *to) {
    weir_column_ out = {0};
    if (!take(c, '"')) return false;
    for (;;) {
        const char *from = c->at;
        while (c->at < c->end && *c->at != '"' && *c->at != '\\' && (unsigned char)*c->at >= 0x20) c->at++;
        weir_put_(&out, from, (size_t)(c->at - from));
        if (c->at == c->end || (unsigned char)*c->at < 0x20) return false;
        if (*c->at++ == '"') break;
        if (c->at == c->end) return false;
        char escape = *c->at++;
        static const char named[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
        uint32_t code = 0, low;
        if (escape == 'u') {
            if (!hex4(c, &code)) return false;
            if (code >= 0xd800 && code < 0xdc00) {
                if (c->end - c->at < 6 || c->at[0] != '\\' || c->at[1] != 'u') return false;
                c->at += 2;
                if (!hex4(c, &low) || low < 0xdc00 || low > 0xdfff) return false;
                code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            } else if (code >= 0xdc00 && code < 0xe000) {
                return false;
            }
        } else {
            size_t i = 0;
            while (i < sizeof named - 1 && named[i] != escape) i += 2;
            if (i >= sizeof named - 1) return false;
            code = (unsigned char)named[i + 1];
        }
        put_character(&out, code);
    }
    if (to) *to = (weir_text){out.len ? (const char *)out.at : "", out.len};
    return true;
}

static bool digits(cursor *c) {
    const char *from = c->at;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9') c->at++;
    return c->at > from;
}

static bool number(cursor *c) {
    if (c->at < c->end && *c->at == '-') c->at++;
    if (!digits(c)) return false;
    if (c->at < c->end && *c->at == '.') {
        c->at++;
        if (!digits(c)) return false;
    }
    if (c->at < c->end && (*c->at | 32) == 'e') {
        c->at++;
        if (c->at < c->end && (*c->at == '+' || *c->at == '-')) c->at++;
        if (!digits(c)) return false;
    }
    return true;
}

static bool word(cursor *c, const char *word) {
    size_t len = strlen(word);
    if ((size_t)(c->end - c->at) < len || memcmp(c->at, word, len) != 0) return false;
    c->at += len;
    return true;
}

/* Goes past one value. */
static bool value(cursor *c, int deep) {
    skip_space(c);
    if (c->at == c->end || deep > DEEPEST) return false;
    char first = *c->at;
    if (first == '"') return string(c, NULL);
    if (first == '{' || first == '[') {
        char last = first == '{' ? '}' : ']';
        c->at++;
        if (take(c, last)) return true;
        do {
            if (first == '{' && !(string(c, NULL) && take(c, ':'))) return false;
            if (!value(c, deep + 1)) return false;
        } while (take(c, ','));
        return take(c, last);
    }
    return word(c, "true") || word(c, "false") || word(c, "null") || number(c);
}

static bool read_document(weir_config *config, weir_text json) {
    cursor c = {json.len ? json.at : "", json.len ? json.at + json.len : ""};
    weir_column_ entries = {0};
    if (!take(&c, '{')) return false;
    if (!take(&c, '}')) {
        do {
            entry e = {0};
            if (!string(&c, &e.name) || !take(&c, ':')) return false;
            skip_space(&c);
            const char *from = c.at;
            if (!value(&c, 0)) return false;
            e.value = (weir_text){from, (size_t)(c.at - from)};
            weir_put_(&entries, &e, sizeof e);
        } while (take(&c, ','));
        if (!take(&c, '}')) return false;
    }
    skip_space(&c);
    config->entries = (entry *)(void *)entries.at;
    config->count = entries.len / sizeof(entry);
    return c.at == c.end;
}

bool weir_configure_(bool (*configure)(weir_config *), weir_text json) {
    weir_config config = {0};
    if (!read_document(&config, json)) return weir_error("config: no JSON table: %.*s", WEIR_PRINT(json));
    if (!configure(&config)) return false;
    if (config.failed) return false;
    for (size_t i = 0; i < config.count; i++) {
        if (config.entries[i].read) continue;
        weir_text name = config.entries[i].name, asked = {(const char *)config.asked.at, config.asked.len};
        if (!asked.len) return weir_error("config: there is no key \"%.*s\"; the plugin has none", WEIR_PRINT(name));
        return weir_error("config: there is no key \"%.*s\"; the keys are %.*s", WEIR_PRINT(name), WEIR_PRINT(asked));
    }
    return true;
}

static const char *what_is(weir_text value) {
    switch (value.len ? value.at[0] : 0) {
    case '"': return "a string";
    case '[': return "a list";
    case '{': return "a table";
    case 't': case 'f': return "a truth";
    case 'n': return "nothing";
    default: return "a number";
    }
}

static bool read_texts(weir_text json, weir_texts *to) {
    cursor c = {json.at, json.at + json.len};
    weir_column_ texts = {0};
    if (!take(&c, '[')) return false;
    if (!take(&c, ']')) {
        do {
            weir_text text;
            if (!string(&c, &text)) return false;
            text = weir_keep_(text);
            weir_put_(&texts, &text, sizeof text);
        } while (take(&c, ','));
        if (!take(&c, ']')) return false;
    }
    weir_text *kept = weir_malloc_(texts.len);
    if (texts.len) memcpy(kept, texts.at, texts.len);
    *to = (weir_texts){kept, texts.len / sizeof *kept};
    return true;
}

/* A number; whole ones are exact over all of int64_t. */
static bool read_number(weir_text json, double *real, int64_t *whole) {
    cursor c = {json.at, json.at + json.len};
    if (!number(&c) || c.at != c.end) return false;
    char *digits = weir_alloc(json.len + 1);
    memcpy(digits, json.at, json.len);
    digits[json.len] = 0;
    *real = strtod(digits, NULL);
    bool fraction = strpbrk(digits, ".eE");
    if (!whole) return isfinite(*real);
    if (fraction) {
        if (!(*real >= -9007199254740992.0 && *real <= 9007199254740992.0) || *real != floor(*real)) return false;
        *whole = (int64_t)*real;
        return true;
    }
    errno = 0;
    *whole = strtoll(digits, NULL, 10);
    return errno != ERANGE;
}

static bool read_value(weir_text json, weir_key_type type, void *to) {
    cursor c = {json.at, json.at + json.len};
    double real;
    switch (type) {
    case WEIR_KEY_TEXT: {
        weir_text text;
        if (!string(&c, &text)) return false;
        *(weir_text *)to = weir_keep_(text);
        return true;
    }
    case WEIR_KEY_TEXTS: return read_texts(json, to);
    case WEIR_KEY_NUMBER: return read_number(json, to, NULL);
    case WEIR_KEY_WHOLE: return read_number(json, &real, to);
    case WEIR_KEY_BOOL:
        if (json.at[0] != 't' && json.at[0] != 'f') return false;
        *(bool *)to = json.at[0] == 't';
        return true;
    }
    return false;
}

bool weir_key_(weir_config *config, const char *name, weir_key_type type, void *to, bool required) {
    static const char *const wanted[] = {"a string", "a list of strings", "a number", "a whole number", "true or false"};
    if (config->asked.len) weir_put_(&config->asked, ", ", 2);
    weir_put_(&config->asked, name, strlen(name));
    for (size_t i = 0; i < config->count; i++) {
        entry *e = &config->entries[i];
        if (!weir_equal(e->name, name)) continue;
        e->read = true;
        if (read_value(e->value, type, to)) return true;
        config->failed = true;
        return weir_error("config.%s: %s where %s is needed: %.*s", name, what_is(e->value), wanted[type], WEIR_PRINT(e->value));
    }
    if (!required) return true;
    config->failed = true;
    return weir_error("config: the key \"%s\" is missing; it is %s", name, wanted[type]);
}
