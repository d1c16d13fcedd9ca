/* Between the files of the SDK. */
#ifndef WEIR_INTERNAL_H
#define WEIR_INTERNAL_H

#include "weir.h"

/* arena.c */
void weir_begin_(void);  /* a call begins: what the last one held is given back, unless weir began to pass arguments already */
void weir_finish_(void); /* a call is over; its answer lasts until the next begins */
void *weir_grow_(void *old, size_t old_size, size_t size); /* a larger piece with the same content */
void *weir_malloc_(size_t size); /* lasts; aborts where there is none */

/* answer.c: numbers or bytes that grow */
typedef struct {
    uint8_t *at;
    size_t len, room;
} weir_column_;
void weir_put_(weir_column_ *column, const void *bytes, size_t len);

/* Operations of `width` numbers each, the first of which is the row. */
typedef struct {
    weir_column_ numbers;
    uint32_t last, width;
    bool unordered, repeated;
} weir_ops_;

/* Strings that are made. */
typedef struct {
    weir_column_ text, ends;
} weir_table_;

struct weir_answer_ {
    weir_ops_ dropped, assigned, removed, meta_assigned, meta_removed, changed, timed;
    weir_column_ values, times;
    weir_table_ lines;
    /* Strings that the batch lacks, each once: open addressing over the added ones, at most half full. */
    weir_table_ added;
    uint32_t base, *slots, slot_count, recent[2];
};
void weir_close_string_(weir_table_ *table);
/* String i of a table. */
weir_text weir_made_(const weir_table_ *table, size_t i);
/* Where a string stands among those of the batch and the added ones, after adding it if need be. */
uint32_t weir_index_of_(weir_answer_ *answer, weir_text text);
/* Whether all strings of a table are UTF-8; else which is not. */
bool weir_table_is_utf8_(const weir_table_ *table, size_t *bad);
weir_answer_ *weir_new_answer_(uint32_t strings);
/* Puts it in the order that the contract asks for; false, with an error, where text is no UTF-8. */
bool weir_finish_answer_(weir_answer_ *answer);

/* text.c */
bool weir_is_utf8_(weir_text text);
weir_text weir_vformat_(const char *format, __builtin_va_list arguments);

/* config.c */
bool weir_configure_(bool (*configure)(weir_config *), weir_text json);

/* host.c: the reason of the call's failure */
weir_text weir_reason_(void);
void weir_no_reason_(void);

/* The contract's answers, or why there is none. */
typedef struct {
    uint8_t some;
    weir_wire_symbols added;
    weir_list_ assigned, removed;
} weir_wire_edit;
typedef struct {
    uint8_t failed;
    union {
        weir_list_ error;
        struct {
            weir_list_ dropped;
            weir_wire_edit labels;
        } verdicts;
        struct {
            uint8_t patch;
            weir_list_ dropped;
            weir_wire_edit labels;
            weir_list_ changed, values;
        } samples;
        struct {
            uint8_t patch;
            weir_list_ dropped;
            weir_wire_edit labels, metadata;
            struct {
                uint8_t some;
                weir_list_ rows, times;
            } times;
            weir_list_ changed;
            weir_wire_symbols lines;
        } lines;
    };
} weir_wire_result;

/* The contract's records of what is emitted. */
typedef struct {
    uint32_t rows;
    weir_wire_symbols symbols;
    weir_wire_sets sets;
    weir_list_ set_of_row, timestamps, start_timestamps, values;
} weir_wire_new_samples;
typedef struct {
    uint8_t refused;
    struct {
        _Alignas(weir_list_) uint8_t why;
        weir_list_ what;
    };
} weir_wire_emitted;
typedef struct {
    uint8_t some;
    weir_list_ value;
} weir_wire_value;
typedef struct {
    uint8_t refused, why;
} weir_wire_kept;
typedef struct {
    uint8_t refused;
    union {
        struct {
            _Alignas(weir_list_) uint16_t status;
            weir_list_ headers, body;
        };
        struct {
            _Alignas(weir_list_) uint8_t why;
            weir_list_ what;
        };
    };
} weir_wire_response;

#ifdef __wasm__
_Static_assert(sizeof(weir_wire_new_samples) == 68 && sizeof(weir_wire_emitted) == 16, "emit");
_Static_assert(offsetof(weir_wire_emitted, why) == 4 && sizeof(weir_wire_value) == 12 && sizeof(weir_wire_kept) == 2, "emit, state");
_Static_assert(sizeof(weir_wire_response) == 24 && offsetof(weir_wire_response, status) == 4 && offsetof(weir_wire_response, body) == 16, "http");
#endif

/* weir's functions */
#ifdef __wasm__
#define WEIR_IMPORT_(name) __attribute__((import_module("weir:plugin/host@0.1.0"), import_name(name)))
#else
#define WEIR_IMPORT_(name)
#endif
WEIR_IMPORT_("log") void weir_host_log(int level, const char *at, size_t len);
WEIR_IMPORT_("counter-add")
void weir_host_counter_add(const char *at, size_t len, const weir_named *labels, size_t count, double value);
WEIR_IMPORT_("gauge-set")
void weir_host_gauge_set(const char *at, size_t len, const weir_named *labels, size_t count, double value);
#ifdef __wasm__
#define WEIR_IMPORT_OF_(interface, name) __attribute__((import_module("weir:plugin/" interface), import_name(name)))
#else
#define WEIR_IMPORT_OF_(interface, name)
#endif
WEIR_IMPORT_OF_("emit@0.1.1", "samples") void weir_host_emit_samples(const weir_wire_new_samples *batch, weir_wire_emitted *answer);
WEIR_IMPORT_OF_("emit@0.1.1", "lines") void weir_host_emit_lines(const weir_wire_lines *batch, weir_wire_emitted *answer);
WEIR_IMPORT_OF_("state@0.1.1", "get") void weir_host_state_get(const char *at, size_t len, weir_wire_value *answer);
WEIR_IMPORT_OF_("state@0.1.1", "set")
void weir_host_state_set(const char *at, size_t len, const char *value, size_t value_len, weir_wire_kept *answer);
WEIR_IMPORT_OF_("state@0.1.1", "remove") void weir_host_state_remove(const char *at, size_t len);
WEIR_IMPORT_OF_("state@0.1.1", "keys") void weir_host_state_keys(const char *at, size_t len, weir_list_ *answer);
WEIR_IMPORT_OF_("http@0.1.2", "send")
void weir_host_http_send(const char *method, size_t method_len, const char *url, size_t url_len, const weir_named *headers, size_t header_count,
                         const char *body, size_t body_len, int timed, uint32_t timeout, weir_wire_response *answer);
WEIR_IMPORT_OF_("verdicts@0.1.2", "forget") void weir_host_verdicts_forget(void);

#endif
