/* Reading label sets in place. */
#include "weir_internal.h"

#define ABSENT UINT32_MAX

static weir_text string_at(const weir_strings_ *strings, uint32_t i) {
    if (i >= strings->count) return (weir_text){"", 0};
    uint32_t start = i ? weir_u32_(strings->ends, i - 1) : 0, end = weir_u32_(strings->ends, i);
    if (start > end || end > strings->len) return (weir_text){"", 0};
    return (weir_text){strings->text + start, end - start};
}

static uint32_t find_string(const weir_strings_ *strings, weir_text wanted) {
    uint32_t start = 0;
    for (uint32_t i = 0; i < strings->count; i++) {
        uint32_t end = weir_u32_(strings->ends, i);
        if (end - start == wanted.len && weir_equal_(string_at(strings, i), wanted)) return i;
        start = end;
    }
    return ABSENT;
}

/* The pairs of a row: `*from` up to what is returned. */
static uint32_t pairs_of(const weir_sets_ *sets, uint32_t row, uint32_t *from) {
    uint32_t set = sets->of_row_count ? (row < sets->of_row_count ? weir_u32_(sets->of_row, row) : ABSENT) : row;
    *from = 0;
    if (set >= sets->set_count) return 0;
    *from = set ? weir_u32_(sets->ends, set - 1) : 0;
    uint32_t end = weir_u32_(sets->ends, set);
    return end <= sets->pair_count ? end : sets->pair_count;
}

/* Compared by content, name after name: a set has about ten. */
static weir_text value_of(const weir_batch *batch, const weir_sets_ *sets, uint32_t row, weir_text name) {
    uint32_t at, end = pairs_of(sets, row, &at);
    for (; at < end; at++)
        if (weir_equal_(string_at(&batch->strings_, weir_u32_(sets->pairs, 2 * (size_t)at)), name))
            return string_at(&batch->strings_, weir_u32_(sets->pairs, 2 * (size_t)at + 1));
    return (weir_text){"", 0};
}

static uint32_t count_of(const weir_sets_ *sets, uint32_t row) {
    uint32_t from, end = pairs_of(sets, row, &from);
    return end > from ? end - from : 0;
}

static void at_of(const weir_batch *batch, const weir_sets_ *sets, uint32_t row, uint32_t i, weir_text *name, weir_text *value) {
    uint32_t from, end = pairs_of(sets, row, &from);
    *name = *value = (weir_text){"", 0};
    if (from >= end || i >= end - from) return;
    *name = string_at(&batch->strings_, weir_u32_(sets->pairs, 2 * ((size_t)from + i)));
    *value = string_at(&batch->strings_, weir_u32_(sets->pairs, 2 * ((size_t)from + i) + 1));
}

weir_text weir_label_(const weir_batch *batch, uint32_t row, weir_text name) { return value_of(batch, &batch->sets_, row, name); }
uint32_t weir_label_count_(const weir_batch *batch, uint32_t row) { return count_of(&batch->sets_, row); }
void weir_label_at_(const weir_batch *batch, uint32_t row, uint32_t i, weir_text *name, weir_text *value) {
    at_of(batch, &batch->sets_, row, i, name, value);
}

weir_text weir_metadata_(const weir_batch *batch, uint32_t row, weir_text name) {
    return value_of(batch, &batch->metadata_, row, name);
}
uint32_t weir_metadata_count_(const weir_batch *batch, uint32_t row) { return count_of(&batch->metadata_, row); }
void weir_metadata_at_(const weir_batch *batch, uint32_t row, uint32_t i, weir_text *name, weir_text *value) {
    at_of(batch, &batch->metadata_, row, i, name, value);
}

weir_pair weir_find_pair_(const weir_batch *batch, weir_text name, weir_text value) {
    return (weir_pair){find_string(&batch->strings_, name), find_string(&batch->strings_, value)};
}
