/* New samples and lines, column by column. */
#include "weir_internal.h"

typedef struct {
    weir_column_ pairs, ends;
} set_columns;

struct weir_emission {
    bool lines_not_samples, timed;
    uint32_t rows, timed_rows;
    weir_answer_ *strings;
    set_columns sets, metadata;
    weir_column_ times, starts, values;
    weir_table_ lines;
    weir_text why;
};

static weir_emission *new_emission(bool lines) {
    weir_emission *e = weir_alloc(sizeof *e);
    *e = (weir_emission){.lines_not_samples = lines, .strings = weir_new_answer_(0)};
    return e;
}
weir_emission *weir_new_samples(void) { return new_emission(false); }
weir_emission *weir_new_lines(void) { return new_emission(true); }

static int compare(weir_text a, weir_text b) {
    size_t len = a.len < b.len ? a.len : b.len;
    int by_bytes = len ? memcmp(a.at, b.at, len) : 0;
    return by_bytes ? by_bytes : (a.len > b.len) - (a.len < b.len);
}

/* Adds the pairs of a set, by ascending name. Of a name that comes twice the last value counts; an empty value is no label. */
static void put_pairs(weir_emission *e, set_columns *sets, const weir_named *labels, size_t count, const weir_named *one_more) {
    size_t all = count + (one_more != NULL), kept = 0;
    weir_named *sorted = weir_alloc(sizeof *sorted * (all + 1));
    for (size_t i = 0; i < all; i++) {
        weir_named label = i < count ? labels[i] : *one_more;
        size_t at = kept;
        while (at > 0 && compare(sorted[at - 1].name, label.name) >= 0) at--;
        if (at < kept && compare(sorted[at].name, label.name) == 0) {
            sorted[at] = label;
            continue;
        }
        memmove(sorted + at + 1, sorted + at, sizeof *sorted * (kept - at));
        sorted[at] = label;
        kept++;
    }
    for (size_t i = 0; i < kept; i++) {
        if (!sorted[i].value.len) continue;
        uint32_t pair[2] = {weir_index_of_(e->strings, sorted[i].name), 0};
        pair[1] = weir_index_of_(e->strings, sorted[i].value);
        weir_put_(&sets->pairs, pair, sizeof pair);
    }
    uint32_t end = (uint32_t)(sets->pairs.len / 8);
    weir_put_(&sets->ends, &end, 4);
}

static void add_row(weir_emission *e, bool line, const char *call) {
    if (e->lines_not_samples != line)
        weir_abort_("weir.h", __LINE__, "%s: the emission is of %s", call, line ? "samples" : "lines");
    int64_t none = 0;
    weir_put_(&e->times, &none, sizeof none);
    e->timed = false;
    e->rows++;
}

void weir_add_sample_(weir_emission *e, weir_text name, double value, const weir_named *labels, size_t count) {
    add_row(e, false, "weir_add_sample");
    int64_t unknown = 0;
    put_pairs(e, &e->sets, labels, count, &WEIR_LABEL("__name__", name));
    weir_put_(&e->values, &value, sizeof value);
    weir_put_(&e->starts, &unknown, sizeof unknown);
}

void weir_add_line_(weir_emission *e, weir_text text, const weir_named *labels, size_t count) {
    add_row(e, true, "weir_add_line");
    put_pairs(e, &e->sets, labels, count, NULL);
    weir_put_(&e->lines.text, text.at, text.len);
    weir_close_string_(&e->lines);
    uint32_t end = (uint32_t)(e->metadata.pairs.len / 8);
    weir_put_(&e->metadata.ends, &end, 4);
}

static uint8_t *last(weir_column_ *column, size_t size, const char *call) {
    if (column->len < size) weir_abort_("weir.h", __LINE__, "%s: there is no row that it could be of", call);
    return column->at + column->len - size;
}

void weir_at_time(weir_emission *e, int64_t time) {
    memcpy(last(&e->times, 8, "weir_at_time"), &time, 8);
    e->timed_rows += !e->timed;
    e->timed = true;
}

void weir_since(weir_emission *e, int64_t milliseconds) { memcpy(last(&e->starts, 8, "weir_since"), &milliseconds, 8); }

void weir_with_metadata(weir_emission *e, const weir_named *labels, size_t count) {
    last(&e->metadata.ends, 4, "weir_with_metadata");
    e->metadata.ends.len -= 4; /* in place of the empty set that is there; a second call puts its own behind the first */
    uint32_t start = e->metadata.ends.len ? weir_u32_(e->metadata.ends.at, e->metadata.ends.len / 4 - 1) : 0;
    e->metadata.pairs.len = 8 * (size_t)start;
    put_pairs(e, &e->metadata, labels, count, NULL);
}

static weir_emitted malformed(weir_emission *e, weir_text why) {
    e->why = why;
    return WEIR_MALFORMED;
}

static weir_list_ list(weir_column_ column) { return (weir_list_){column.at, column.len}; }

weir_emitted weir_emit(weir_emission *e) {
    size_t bad;
    if (e->timed_rows && e->timed_rows != e->rows)
        return malformed(e, weir_format("%u of %u have a time; all must have one, or none", e->timed_rows, e->rows));
    if (!weir_table_is_utf8_(&e->lines, &bad)) return malformed(e, weir_format("line %zu is no UTF-8", bad));
    if (!weir_table_is_utf8_(&e->strings->added, &bad)) {
        weir_text text = weir_made_(&e->strings->added, bad);
        return malformed(e, weir_format("a label's name or value is no UTF-8: %.*s", WEIR_PRINT(text)));
    }
    weir_wire_symbols symbols = {list(e->strings->added.text), list(e->strings->added.ends)};
    weir_wire_sets sets = {list(e->sets.pairs), list(e->sets.ends)};
    weir_list_ times = e->timed_rows ? list(e->times) : (weir_list_){0};
    weir_wire_emitted answer = {0};
    if (e->lines_not_samples) {
        weir_wire_lines lines = {
            .rows = e->rows,
            .symbols = symbols,
            .sets = sets,
            .metadata = e->metadata.pairs.len ? (weir_wire_sets){list(e->metadata.pairs), list(e->metadata.ends)} : (weir_wire_sets){0},
            .timestamps = times,
            .lines = {list(e->lines.text), list(e->lines.ends)},
        };
        weir_host_emit_lines(&lines, &answer);
    } else {
        weir_wire_new_samples samples = {
            .rows = e->rows, .symbols = symbols, .sets = sets, .timestamps = times,
            .start_timestamps = list(e->starts), .values = list(e->values),
        };
        weir_host_emit_samples(&samples, &answer);
    }
    if (!answer.refused) return WEIR_EMITTED;
    if (answer.why == 0) e->why = (weir_text){answer.what.at, answer.what.len};
    return answer.why == 0 ? WEIR_MALFORMED : answer.why == 1 ? WEIR_OVER_BUDGET : WEIR_NOT_NOW;
}

weir_text weir_why(const weir_emission *e) { return e->why; }
