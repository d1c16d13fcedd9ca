/* What a plugin makes and keeps by itself, over time. */
#include "test.h"

static void samples_of_sorted_labels(void) {
    weir_emission *e = weir_new_samples();
    weir_named labels[] = {WEIR_LABEL("zone", "a"), WEIR_LABEL("app", "x"), WEIR_LABEL("zone", "b"), WEIR_LABEL("none", "")};
    weir_add_sample(e, "up", 1, labels, 4);
    weir_add_sample(e, weir_text("down"), 2, NULL, 0);
    weir_since(e, 5);
    CHECK(weir_emit(e) == WEIR_EMITTED && sent_samples.rows == 2 && !sent_samples.timestamps.len && !sent_samples.set_of_row.len);
    CHECK(text_is(sent_samples.symbols.text, "__name__upappxzonebdown"));
    CHECK(COLUMN_IS(sent_samples.sets.pairs, 0, 1, 2, 3, 4, 5, 0, 6) && COLUMN_IS(sent_samples.sets.ends, 3, 4));
    CHECK(memcmp(sent_samples.values.at, (double[]){1, 2}, 16) == 0);
    CHECK(memcmp(sent_samples.start_timestamps.at, (int64_t[]){0, 5}, 16) == 0);
}

static void lines_with_metadata(void) {
    weir_emission *e = weir_new_lines();
    weir_add_line(e, "h\xc3\xa9", &WEIR_LABEL("job", "a"), 1);
    weir_at_time(e, 7);
    weir_add_line(e, "", &WEIR_LABEL("job", "a"), 1);
    weir_at_time(e, 8);
    weir_at_time(e, 9);
    weir_with_metadata(e, &WEIR_LABEL("lost", "x"), 1);
    weir_with_metadata(e, &WEIR_LABEL("trace", "t"), 1);
    CHECK(weir_emit(e) == WEIR_EMITTED && sent_lines.rows == 2 && COLUMN_IS(sent_lines.metadata.ends, 0, 1));
    CHECK(memcmp(sent_lines.timestamps.at, (int64_t[]){7, 9}, 16) == 0 && COLUMN_IS(sent_lines.lines.ends, 3, 3));
}

static void what_is_refused(void) {
    weir_emission *e = weir_new_samples();
    weir_add_sample(e, "a", 1, NULL, 0);
    weir_at_time(e, 1);
    weir_add_sample(e, "b", 1, NULL, 0);
    CHECK(weir_emit(e) == WEIR_MALFORMED && weir_equal(weir_why(e), "1 of 2 have a time; all must have one, or none"));
    e = weir_new_lines();
    weir_add_line(e, "\xff", &WEIR_LABEL("job", "a"), 1);
    CHECK(weir_emit(e) == WEIR_MALFORMED && weir_equal(weir_why(e), "line 0 is no UTF-8"));
    static const weir_emitted how[] = {WEIR_MALFORMED, WEIR_OVER_BUDGET, WEIR_NOT_NOW};
    for (uint8_t why = 0; why < 3; why++) {
        emission_answer = (weir_wire_emitted){.refused = 1, .why = why, .what = {"bad", why ? 0 : 3}};
        e = weir_new_samples();
        CHECK(weir_emit(e) == how[why] && weir_equal(weir_why(e), why ? "" : "bad"));
    }
}

static void a_line_among_samples(void) { weir_add_line(weir_new_samples(), "x", NULL, 0); }
static void a_time_of_nothing(void) { weir_at_time(weir_new_samples(), 1); }

static void what_is_kept(void) {
    weir_text value = weir_text("unset");
    CHECK(!weir_state_get("a", &value) && weir_equal(value, "unset"));
    CHECK(weir_state_set("a:1", "x") == WEIR_KEPT && weir_state_set("a:2", "") == WEIR_KEPT && weir_state_set("b", "y") == WEIR_KEPT);
    CHECK(weir_state_get("a:1", &value) && weir_equal(value, "x") && weir_state_keys("a:").count == 2);
    weir_state_remove("a:1");
    CHECK(!weir_state_get("a:1", &value) && weir_equal(weir_state_keys("a:").at[0], "a:2"));
    CHECK(weir_state_set("c", weir_format("%0100d", 1)) == WEIR_TOO_LARGE);
    CHECK(weir_state_set("d", "") == WEIR_KEPT && weir_state_set("e", "") == WEIR_KEPT && weir_state_set("f", "") == WEIR_FULL);
}

static bool ticks(int64_t now, bool last) { return now == 42 && last ? true : weir_error("tick %d", (int)now); }
static bool nothing(weir_config *config) { return config != NULL; }
WEIR_TICK(1000, ticks)
static void time_passes(void) {
    const weir_wire_result *r = weir_export_tick_(42, 1);
    CHECK(r->failed && text_is(r->error, "not configured"));
    weir_run_configure_(nothing, bytes_of("{}", 2));
    r = weir_export_tick_(42, 1);
    CHECK(!r->failed && weir_export_interval_() == 1000);
    r = weir_export_tick_(41, 1);
    CHECK(r->failed && text_is(r->error, "tick 41"));
}

#define CASE(name) {#name, name, NULL}
#define TRAP(name, log) {#name, name, log}
int main(void) {
    run_cases((test_case[]){
        CASE(samples_of_sorted_labels),
        CASE(lines_with_metadata),
        CASE(what_is_refused),
        TRAP(a_line_among_samples, "weir_add_line: the emission is of samples"),
        TRAP(a_time_of_nothing, "weir_at_time: there is no row that it could be of"),
        CASE(what_is_kept),
        CASE(time_passes),
    }, 7);
}
