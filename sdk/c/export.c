/* Calls: arguments to a batch, the answer to what the contract calls `verdicts` and `edit`. */
#include "weir_internal.h"

typedef struct {
    uint8_t tag;
    weir_list_ names;
} labels_wanted;
typedef struct {
    labels_wanted labels;
    bool timestamps, start_timestamps;
} samples_wanted;
typedef struct {
    labels_wanted labels, metadata;
    bool timestamps, lines;
} lines_wanted;

#ifdef __wasm__
/* As wit-parser lays them out; held by a test in weir's host/author. */
_Static_assert(sizeof(weir_wire_samples) == 76 && sizeof(weir_wire_lines) == 84, "batches");
_Static_assert(sizeof(weir_wire_edit) == 36 && sizeof(labels_wanted) == 12, "labels");
_Static_assert(sizeof(samples_wanted) == 16 && sizeof(lines_wanted) == 28, "wanted");
_Static_assert(offsetof(weir_wire_result, verdicts.labels) == 12 && offsetof(weir_wire_result, samples.values) == 60, "answers");
_Static_assert(offsetof(weir_wire_result, lines.times) == 88 && offsetof(weir_wire_result, lines.lines) == 116, "answers");
#endif

static weir_list_ list(weir_column_ column) { return (weir_list_){column.at, column.len}; }
static weir_wire_symbols symbols(weir_table_ table) { return (weir_wire_symbols){list(table.text), list(table.ends)}; }
static weir_wire_edit edit(const weir_answer_ *answer, const weir_ops_ *assigned, const weir_ops_ *removed) {
    if (!assigned->numbers.len && !removed->numbers.len) return (weir_wire_edit){0};
    return (weir_wire_edit){1, symbols(answer->added), list(assigned->numbers), list(removed->numbers)};
}

static weir_strings_ strings(weir_wire_symbols s) {
    return (weir_strings_){s.text.at, s.ends.at, s.text.len, (uint32_t)(s.ends.len / 4)};
}
static weir_sets_ sets(weir_wire_sets s, weir_list_ of_row) {
    return (weir_sets_){
        s.pairs.at, s.ends.at, of_row.at, (uint32_t)(s.pairs.len / 8), (uint32_t)(s.ends.len / 4), (uint32_t)(of_row.len / 4),
    };
}

static labels_wanted labels(weir_labels wanted) {
    if (wanted.everything) return (labels_wanted){.tag = 1};
    uint32_t count = 0;
    weir_list_ *names = weir_alloc(sizeof *names * WEIR_MOST_NAMES);
    for (; count < WEIR_MOST_NAMES && wanted.names[count]; count++)
        names[count] = (weir_list_){wanted.names[count], strlen(wanted.names[count])};
    return count ? (labels_wanted){2, {names, count}} : (labels_wanted){0};
}

static bool ready;

static weir_wire_result *begin(void) {
    weir_begin_();
    weir_no_reason_();
    weir_wire_result *r = weir_alloc(sizeof *r);
    memset(r, 0, sizeof *r);
    return r;
}

static weir_wire_result *end(weir_wire_result *r, bool ok) {
    if (!ok) {
        weir_text why = weir_reason_();
        *r = (weir_wire_result){.failed = 1, .error = {why.at, why.len}};
    }
    weir_finish_();
    return r;
}

/* Runs the plugin's function over a batch and puts its answer in order. */
static bool run(bool (*function)(weir_batch *), weir_batch *batch) {
    if (!ready) return weir_error("not configured");
    batch->answer_ = weir_new_answer_(batch->strings_.count);
    return function(batch) && weir_finish_answer_(batch->answer_);
}

const void *weir_run_configure_(bool (*configure)(weir_config *), weir_list_ json) {
    weir_wire_result *r = begin();
    ready = weir_configure_(configure, (weir_text){json.at, json.len});
    return end(r, ready);
}

const void *weir_run_series_wants_(weir_labels (*wants)(void)) {
    weir_begin_();
    labels_wanted *wanted = weir_alloc(sizeof *wanted);
    *wanted = labels(wants());
    weir_finish_();
    return wanted;
}

const void *weir_run_samples_wants_(weir_wanted (*wants)(void)) {
    weir_begin_();
    weir_wanted w = wants();
    samples_wanted *wanted = weir_alloc(sizeof *wanted);
    *wanted = (samples_wanted){labels(w.labels), w.timestamps, w.start_timestamps};
    weir_finish_();
    return wanted;
}

const void *weir_run_lines_wants_(weir_wanted (*wants)(void)) {
    weir_begin_();
    weir_wanted w = wants();
    lines_wanted *wanted = weir_alloc(sizeof *wanted);
    *wanted = (lines_wanted){labels(w.labels), labels(w.metadata), w.timestamps, w.lines};
    weir_finish_();
    return wanted;
}

const void *weir_run_series_(bool (*series)(weir_batch *), uint32_t rows, weir_wire_symbols text, weir_wire_sets label_sets) {
    weir_wire_result *r = begin();
    weir_batch batch = {.of_ = WEIR_OF_SERIES, .rows_ = rows, .strings_ = strings(text), .sets_ = sets(label_sets, (weir_list_){0})};
    bool ok = run(series, &batch);
    if (ok) {
        r->verdicts.dropped = list(batch.answer_->dropped.numbers);
        r->verdicts.labels = edit(batch.answer_, &batch.answer_->assigned, &batch.answer_->removed);
    }
    return end(r, ok);
}

/* A column of fixed width; NULL where it is not wanted. */
static const uint8_t *column(weir_list_ bytes, uint32_t rows, size_t width) {
    return rows && bytes.len == rows * width ? bytes.at : NULL;
}

const void *weir_run_samples_(bool (*samples)(weir_batch *), const weir_wire_samples *b) {
    weir_wire_result *r = begin();
    weir_batch batch = {
        .of_ = WEIR_OF_SAMPLES,
        .rows_ = b->rows,
        .strings_ = strings(b->symbols),
        .sets_ = sets(b->sets, b->set_of_row),
        .kinds_ = column(b->kinds, b->rows, 1),
        .values_ = column(b->values, b->rows, 8),
        .timestamps_ = column(b->timestamps, b->rows, 8),
        .start_timestamps_ = column(b->start_timestamps, b->rows, 8),
    };
    bool whole = !b->rows || (batch.kinds_ && batch.values_);
    bool ok = whole ? run(samples, &batch) : weir_error("weir sent %u rows without kinds or values", b->rows);
    if (ok) {
        weir_answer_ *a = batch.answer_;
        r->samples.dropped = list(a->dropped.numbers);
        r->samples.labels = edit(a, &a->assigned, &a->removed);
        r->samples.changed = list(a->changed.numbers);
        r->samples.values = list(a->values);
        r->samples.patch = a->dropped.numbers.len || a->changed.numbers.len || r->samples.labels.some;
    }
    return end(r, ok);
}

const void *weir_run_lines_(bool (*lines)(weir_batch *), const weir_wire_lines *b) {
    weir_wire_result *r = begin();
    weir_batch batch = {
        .of_ = WEIR_OF_LINES,
        .rows_ = b->rows,
        .strings_ = strings(b->symbols),
        .lines_ = strings(b->lines),
        .sets_ = sets(b->sets, b->set_of_row),
        .metadata_ = sets(b->metadata, (weir_list_){0}),
        .timestamps_ = column(b->timestamps, b->rows, 8),
    };
    bool ok = run(lines, &batch);
    if (ok) {
        weir_answer_ *a = batch.answer_;
        r->lines.dropped = list(a->dropped.numbers);
        r->lines.labels = edit(a, &a->assigned, &a->removed);
        r->lines.metadata = edit(a, &a->meta_assigned, &a->meta_removed);
        r->lines.times.some = a->timed.numbers.len > 0;
        r->lines.times.rows = list(a->timed.numbers);
        r->lines.times.times = list(a->times);
        r->lines.changed = list(a->changed.numbers);
        r->lines.lines = symbols(a->lines);
        r->lines.patch = a->dropped.numbers.len || a->changed.numbers.len || r->lines.times.some || r->lines.labels.some ||
                         r->lines.metadata.some;
    }
    return end(r, ok);
}

const void *weir_run_tick_(bool (*tick)(int64_t, bool), int64_t now, bool last) {
    weir_wire_result *r = begin();
    return end(r, ready ? tick(now, last) : weir_error("not configured"));
}
