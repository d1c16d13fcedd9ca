/* Calls, as weir makes them. */
#include "test.h"

static bool nothing(weir_config *config) {
    (void)config;
    return true;
}
static void configured(void) {
    const weir_wire_result *r = weir_run_configure_(nothing, bytes_of("{}", 2));
    CHECK(!r->failed);
}

/* Three rows: {env="debug", job="a"}, {}, {env="prod"}. */
static const weir_wire_result *call_series(bool (*series)(weir_batch *)) {
    configured();
    weir_wire_symbols symbols = table(5, (const char *[]){"env", "debug", "job", "a", "prod"});
    weir_wire_sets sets = {numbers(6, (uint32_t[]){0, 1, 2, 3, 0, 4}), numbers(3, (uint32_t[]){2, 2, 3})};
    return weir_run_series_(series, 3, symbols, sets);
}

static bool reads(weir_batch *batch) {
    weir_text name, value;
    CHECK(weir_rows(batch) == 3);
    CHECK(weir_equal(weir_label(batch, 0, "env"), "debug"));
    CHECK(weir_label(batch, 1, "env").len == 0 && weir_label(batch, 0, "en").len == 0);
    CHECK(weir_label_count(batch, 0) == 2 && weir_label_count(batch, 1) == 0);
    weir_label_at(batch, 0, 1, &name, &value);
    CHECK(weir_equal(name, "job") && weir_equal(value, "a"));
    weir_label_at(batch, 0, 2, &name, &value);
    CHECK(name.len == 0 && value.len == 0);
    weir_pair debug = weir_find_pair(batch, "env", "debug"), absent = weir_find_pair(batch, "env", "nowhere");
    CHECK(weir_has(batch, 0, debug) && !weir_has(batch, 1, debug) && !weir_has(batch, 2, debug));
    CHECK(!weir_has(batch, 0, absent) && !weir_has(batch, 1, absent));
    return true;
}
static void labels_are_read(void) {
    const weir_wire_result *r = call_series(reads);
    CHECK(!r->failed && !r->verdicts.dropped.len && !r->verdicts.labels.some);
}

static bool backwards(weir_batch *batch) {
    for (uint32_t row = weir_rows(batch); row-- > 0;) {
        weir_remove(batch, row, "job");
        weir_set(batch, row, "n", weir_format("%u", row));
        weir_set(batch, row, "x", "1");
        weir_remove(batch, row, "x");
        if (row != 1) weir_drop(batch, row), weir_drop(batch, row);
    }
    return true;
}
static void rows_ascend_whatever_the_order(void) {
    const weir_wire_result *r = call_series(backwards);
    CHECK(!r->failed && COLUMN_IS(r->verdicts.dropped, 0, 2));
    /* job=5 n=6 "2"=7 x=8 "1"=9 ""=10 "1" again, "0"=11; what follows an assignment is one itself, of nothing */
    CHECK(text_is(r->verdicts.labels.added.text, "jobn2x10"));
    CHECK(COLUMN_IS(r->verdicts.labels.removed, 2, 5));
    CHECK(COLUMN_IS(r->verdicts.labels.assigned, 0, 5, 10, 0, 6, 11, 0, 8, 9, 0, 8, 10, 1, 5, 10, 1, 6, 9, 1, 8, 9, 1, 8, 10, 2, 6, 7,
                    2, 8, 9, 2, 8, 10));
}

static bool many(weir_batch *batch) {
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 1000; i++) weir_set(batch, 0, weir_format("name%d", i), "");
    return true;
}
static void strings_are_added_once(void) {
    const weir_wire_result *r = call_series(many);
    CHECK(!r->failed && r->verdicts.labels.added.ends.len == 4 * 1001 && r->verdicts.labels.assigned.len == 12 * 2000);
}

static bool fails(weir_batch *batch) {
    (void)batch;
    return weir_error("no rule for %s\xff", "this");
}
static bool says_nothing(weir_batch *batch) { return weir_rows(batch) > 100; }
static void failures_have_a_reason(void) {
    const weir_wire_result *r = call_series(fails);
    CHECK(r->failed && text_is(r->error, "no rule for this?"));
    r = call_series(says_nothing);
    CHECK(r->failed && text_is(r->error, "failed, and the plugin did not say why (weir_error does)"));
}

static bool half_a_character(weir_batch *batch) {
    weir_set(batch, 0, "name", weir_slice(weir_text("z\xc3\xbcrich"), 0, 2));
    return true;
}
static void text_that_is_no_utf8_is_an_error(void) {
    const weir_wire_result *r = call_series(half_a_character);
    CHECK(r->failed && text_is(r->error, "a label's name or value is no UTF-8: z?"));
}

static bool steps_past(weir_batch *batch) {
    weir_drop(batch, 3);
    return true;
}
static void a_row_that_is_not_there(void) { call_series(steps_past); }
static bool asks_for_a_line(weir_batch *batch) { return weir_line(batch, 0).len == 0; }
static void lines_of_series(void) { call_series(asks_for_a_line); }
static bool asserts(weir_batch *batch) {
    weir_assert(weir_rows(batch) == 4);
    return true;
}
static void an_assertion(void) { call_series(asserts); }

static bool doubles(weir_batch *batch) {
    for (uint32_t row = weir_rows(batch); row-- > 0;) {
        double value = -1;
        bool is = weir_value(batch, row, &value);
        CHECK(is == (weir_kind_of(batch, row) == WEIR_FLOAT));
        weir_set_value(batch, row, 0);
        weir_set_value(batch, row, 2 * value);
        CHECK(weir_timestamp(batch, row) == (int64_t)1 << 60 && weir_start_timestamp(batch, row) == 0);
    }
    CHECK(weir_equal(weir_label(batch, 0, "unit"), "s") && weir_equal(weir_label(batch, 2, "unit"), "s"));
    return true;
}
static void samples_change(void) {
    configured();
    int64_t t = (int64_t)1 << 60;
    weir_wire_samples batch = {
        .rows = 3,
        .symbols = table(2, (const char *[]){"unit", "s"}),
        .sets = {numbers(2, (uint32_t[]){0, 1}), numbers(1, (uint32_t[]){1})},
        .set_of_row = numbers(3, (uint32_t[]){0, 0, 0}),
        .kinds = bytes_of("\0\1\0", 3),
        .timestamps = bytes_of((int64_t[]){t, t, t}, 24),
        .values = bytes_of((double[]){1.5, 0, 3}, 24),
    };
    const weir_wire_result *r = weir_run_samples_(doubles, &batch);
    CHECK(!r->failed && r->samples.patch && COLUMN_IS(r->samples.changed, 0, 2) && r->samples.values.len == 16);
    CHECK(memcmp(r->samples.values.at, (double[]){3, 6}, 16) == 0);
}

static bool rewrites(weir_batch *batch) {
    CHECK(weir_equal(weir_line(batch, 0), "h\xc3\xa9llo") && weir_line(batch, 1).len == 0);
    CHECK(weir_equal(weir_metadata(batch, 1, "trace"), "t") && weir_metadata(batch, 0, "trace").len == 0);
    weir_set_line(batch, 1, "first");
    weir_set_line(batch, 1, weir_line(batch, 0));
    weir_add_to_line(batch, 1, "!");
    weir_set_line(batch, 0, "zero");
    weir_set_timestamp(batch, 1, 7);
    weir_set_metadata(batch, 0, "m", "1");
    weir_remove_metadata(batch, 1, "trace");
    return true;
}
static bool adds_to_another(weir_batch *batch) {
    weir_set_line(batch, 0, "x");
    weir_add_to_line(batch, 1, "y");
    return true;
}
static weir_wire_lines two_lines(void) {
    return (weir_wire_lines){
        .rows = 2,
        .symbols = table(2, (const char *[]){"trace", "t"}),
        .metadata = {numbers(2, (uint32_t[]){0, 1}), numbers(2, (uint32_t[]){0, 1})},
        .lines = table(2, (const char *[]){"h\xc3\xa9llo", ""}),
    };
}
static void lines_change(void) {
    configured();
    weir_wire_lines batch = two_lines();
    const weir_wire_result *r = weir_run_lines_(rewrites, &batch);
    CHECK(!r->failed && r->lines.patch && COLUMN_IS(r->lines.changed, 0, 1));
    CHECK(text_is(r->lines.lines.text, "zeroh\xc3\xa9llo!") && COLUMN_IS(r->lines.lines.ends, 4, 11));
    CHECK(r->lines.times.some && COLUMN_IS(r->lines.times.rows, 1) && r->lines.times.times.len == 8);
    CHECK(COLUMN_IS(r->lines.metadata.assigned, 0, 2, 3) && COLUMN_IS(r->lines.metadata.removed, 1, 4));
    CHECK(!r->lines.labels.some);
}
static void parts_of_another_line(void) {
    configured();
    weir_wire_lines batch = two_lines();
    weir_run_lines_(adds_to_another, &batch);
}

static void before_configuration(void) {
    const weir_wire_result *r = weir_run_series_(reads, 0, (weir_wire_symbols){{NULL, 0}, {NULL, 0}}, (weir_wire_sets){{NULL, 0}, {NULL, 0}});
    CHECK(r->failed && text_is(r->error, "not configured"));
}

/* A call's memory is used again: ten thousand calls need no more than the second. */
void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size);
static bool allocates(weir_batch *batch) {
    memset(weir_alloc(300000), 1, 300000);
    return weir_rows(batch) == 3;
}
static void memory_of_a_call_is_given_back(void) {
    configured();
    void *steady = NULL;
    for (int i = 0; i < 10000; i++) {
        char *first = cabi_realloc(NULL, 0, 1, 5000);
        memset(first, 2, 5000);
        CHECK(i < 3 || first == steady);
        steady = first;
        CHECK(cabi_realloc(first, 5000, 1, 6000) == first);
        weir_wire_sets sets = {numbers(0, NULL), numbers(0, NULL)};
        const weir_wire_result *r = weir_run_series_(allocates, 3, table(0, NULL), sets);
        CHECK(!r->failed);
    }
}

static weir_labels some(void) { return WEIR_NAMED("a", "bc"); }
static weir_labels all(void) { return WEIR_EVERYTHING; }
static weir_labels none(void) { return WEIR_NOTHING; }
static void wanted_labels(void) {
    typedef struct {
        uint8_t tag;
        weir_list_ names;
    } wanted;
    const wanted *w = weir_run_series_wants_(some);
    const weir_list_ *names = w->names.at;
    CHECK(w->tag == 2 && w->names.len == 2 && text_is(names[0], "a") && text_is(names[1], "bc"));
    w = weir_run_series_wants_(all);
    CHECK(w->tag == 1);
    w = weir_run_series_wants_(none);
    CHECK(w->tag == 0);
}

static void metrics_are_heard(void) {
    weir_named kind = {weir_text("kind"), weir_text("x")};
    weir_counter_with("dropped", 2, &kind, 1);
    CHECK(strcmp(last_counter, "dropped kind=x 2") == 0);
    weir_log(WEIR_WARN, "%d odd", 7);
    CHECK(strcmp(last_log, "1 7 odd") == 0);
}

#define CASE(name) {#name, name, NULL}
#define TRAP(name, log) {#name, name, log}
int main(void) {
    run_cases((test_case[]){
        CASE(labels_are_read),
        CASE(rows_ascend_whatever_the_order),
        CASE(strings_are_added_once),
        CASE(failures_have_a_reason),
        CASE(text_that_is_no_utf8_is_an_error),
        TRAP(a_row_that_is_not_there, "batches.c:93: weir_drop: row 3, of 3 rows"),
        TRAP(lines_of_series, "weir_line: a batch of label sets has none"),
        TRAP(an_assertion, "not so: weir_rows(batch) == 4"),
        CASE(samples_change),
        CASE(lines_change),
        TRAP(parts_of_another_line, "the text set last is not that of row 1"),
        CASE(before_configuration),
        CASE(memory_of_a_call_is_given_back),
        CASE(wanted_labels),
        CASE(metrics_are_heard),
    }, 15);
}
