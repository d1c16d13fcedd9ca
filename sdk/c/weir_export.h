/* What the macros of weir.h export, by the canonical ABI of the component model: arguments lie flat or, where they are many, in memory;
 * a result is where it lies. */
#ifndef WEIR_EXPORT_H
#define WEIR_EXPORT_H

#ifdef __wasm__
#define WEIR_EXPORT_(name, as) __attribute__((export_name(name))) const void *as
#define WEIR_NUMBER_(name, as) __attribute__((export_name(name))) uint32_t as
#else
#define WEIR_EXPORT_(name, as) const void *as
#define WEIR_NUMBER_(name, as) uint32_t as
#endif

/* A list or a string in memory. */
typedef struct {
    const void *at;
    size_t len;
} weir_list_;
/* The contract's `symbols`, `label-sets`, `batch` of samples, `batch` of lines. */
typedef struct {
    weir_list_ text, ends;
} weir_wire_symbols;
typedef struct {
    weir_list_ pairs, ends;
} weir_wire_sets;
typedef struct {
    uint32_t rows;
    weir_wire_symbols symbols;
    weir_wire_sets sets;
    weir_list_ set_of_row, kinds, timestamps, start_timestamps, values;
} weir_wire_samples;
typedef struct {
    uint32_t rows;
    weir_wire_symbols symbols;
    weir_wire_sets sets;
    weir_list_ set_of_row;
    weir_wire_sets metadata;
    weir_list_ timestamps;
    weir_wire_symbols lines;
} weir_wire_lines;

const void *weir_run_configure_(bool (*configure)(weir_config *), weir_list_ json);
const void *weir_run_series_wants_(weir_labels (*wants)(void));
const void *weir_run_series_(bool (*series)(weir_batch *), uint32_t rows, weir_wire_symbols symbols, weir_wire_sets sets);
const void *weir_run_samples_wants_(weir_wanted (*wants)(void));
const void *weir_run_samples_(bool (*samples)(weir_batch *), const weir_wire_samples *batch);
const void *weir_run_lines_wants_(weir_wanted (*wants)(void));
const void *weir_run_tick_(bool (*tick)(int64_t, bool), int64_t now, bool last);
const void *weir_run_lines_(bool (*lines)(weir_batch *), const weir_wire_lines *batch);

/* `bool configure(weir_config *config)`: once for each instance, before anything else. */
#define WEIR_PLUGIN(configure)                                                                                              \
    WEIR_EXPORT_("weir:plugin/lifecycle@0.1.0#configure", weir_export_configure_)(const char *at, size_t len) {             \
        return weir_run_configure_(configure, (weir_list_){at, len});                                                       \
    }

/* Decides by labels alone: `weir_labels wants(void)` and `bool series(weir_batch *batch)`. weir asks once for every new label set
 * and keeps the answer, so it must depend on the labels and the configuration alone. */
#define WEIR_SERIES(wants, series)                                                                                          \
    WEIR_EXPORT_("weir:plugin/series@0.1.0#wants", weir_export_series_wants_)(void) { return weir_run_series_wants_(wants); } \
    WEIR_EXPORT_("weir:plugin/series@0.1.0#relabel", weir_export_series_)                                                   \
    (uint32_t rows, const char *text, size_t text_len, const uint8_t *ends, size_t ends_len, const uint8_t *pairs,          \
     size_t pairs_len, const uint8_t *set_ends, size_t set_ends_len) {                                                      \
        weir_wire_symbols symbols = {{text, text_len}, {ends, ends_len}};                                                   \
        weir_wire_sets sets = {{pairs, pairs_len}, {set_ends, set_ends_len}};                                               \
        return weir_run_series_(series, rows, symbols, sets);                                                               \
    }

/* Decides by values: `weir_wanted wants(void)` and `bool samples(weir_batch *batch)`. */
#define WEIR_SAMPLES(wants, samples)                                                                                        \
    WEIR_EXPORT_("weir:plugin/samples@0.1.0#wants", weir_export_samples_wants_)(void) { return weir_run_samples_wants_(wants); } \
    WEIR_EXPORT_("weir:plugin/samples@0.1.0#process", weir_export_samples_)(const weir_wire_samples *batch) {               \
        return weir_run_samples_(samples, batch);                                                                           \
    }

/* Decides by the text of log lines: `weir_wanted wants(void)` and `bool lines(weir_batch *batch)`. */
#define WEIR_LOGS(wants, lines)                                                                                             \
    WEIR_EXPORT_("weir:plugin/logs@0.1.0#wants", weir_export_lines_wants_)(void) { return weir_run_lines_wants_(wants); }   \
    WEIR_EXPORT_("weir:plugin/logs@0.1.0#process", weir_export_lines_)(const weir_wire_lines *batch) {                      \
        return weir_run_lines_(lines, batch);                                                                               \
    }

/* Called over time: `bool tick(int64_t now, bool last)`, about every `milliseconds` (at least 1000). `now` is milliseconds since the epoch.
 * A plugin that exports it has one instance in each pipeline, and the pipeline's calls come to it one after the other. `last`: no call
 * comes any more, so what is gathered must be emitted, or kept, now. */
#define WEIR_TICK(milliseconds, tick)                                                                                       \
    WEIR_NUMBER_("weir:plugin/tick@0.1.1#interval", weir_export_interval_)(void) { return (milliseconds); }                 \
    WEIR_EXPORT_("weir:plugin/tick@0.1.1#tick", weir_export_tick_)(int64_t now, int last) { return weir_run_tick_(tick, now, last != 0); }

#endif
