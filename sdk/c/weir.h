/* Plugins for weir in C.
 *
 * A plugin is a function that takes the configuration, one for each interface that it has, and a macro that exports each:
 *
 *     #include "weir.h"
 *
 *     static weir_text cluster;
 *
 *     static bool configure(weir_config *config) { return weir_required(config, "cluster", &cluster); }
 *
 *     static weir_labels wants(void) { return WEIR_NAMED("__name__"); }
 *
 *     static bool series(weir_batch *batch) {
 *         weir_pair unread = weir_find_pair(batch, "__name__", "container_tasks_state");
 *         weir_each(row, batch) {
 *             if (weir_has(batch, row, unread)) weir_drop(batch, row);
 *             else weir_set(batch, row, "cluster", cluster);
 *         }
 *         return true;
 *     }
 *
 *     WEIR_PLUGIN(configure)
 *     WEIR_SERIES(wants, series)
 *
 * A function that cannot do its work says why and returns false: `return weir_error("no rule for %s", name);`. For `configure` that
 * keeps the plugin from being used and is shown to the operator; for a batch weir's failure policy for the plugin decides.
 *
 * Who owns what: everything that a batch gives, and what weir_alloc gives, lasts until the call returns, and nobody frees it.
 * What configuration gives lasts as long as the plugin. What a function here is given, it copies. State of your own is static or
 * from malloc; it is that of one instance, and weir may run several side by side. An instance has one thread.
 *
 * Texts have a length and may hold any byte; they are UTF-8. Where a text goes in, a C string will do as well.
 *
 * Mistakes end the call with file and line in weir's log: a row that is not there, a line's text asked of samples. Text that is no UTF-8
 * on its way out is an error that names the row, or shows what a label was to be.
 */
#ifndef WEIR_H
#define WEIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ---- text ---- */

/* A text, not ended by a zero byte. */
typedef struct {
    const char *at;
    size_t len;
} weir_text;

/* Several texts. */
typedef struct {
    const weir_text *at;
    size_t count;
} weir_texts;

static inline weir_text weir_text_itself_(weir_text text) { return text; }
static inline weir_text weir_text_of_(const char *text) { return (weir_text){text, strlen(text)}; }
/* A text of a text or of a C string. */
#define weir_text(text) \
    _Generic((text), weir_text: weir_text_itself_, char *: weir_text_of_, const char *: weir_text_of_)(text)

/* No place in a text. */
#define WEIR_NONE SIZE_MAX

/* The part of a text from `from` up to `to`; what lies past the end is not there. */
static inline weir_text weir_slice(weir_text text, size_t from, size_t to) {
    to = to < text.len ? to : text.len;
    from = from < to ? from : to;
    return (weir_text){from ? text.at + from : text.at, to - from};
}

/* Whether two texts are the same. */
#define weir_equal(a, b) weir_equal_(weir_text(a), weir_text(b))
static inline bool weir_equal_(weir_text a, weir_text b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* Whether a text begins with another. */
#define weir_starts(text, with) weir_starts_(weir_text(text), weir_text(with))
static inline bool weir_starts_(weir_text text, weir_text with) { return weir_equal_(weir_slice(text, 0, with.len), with); }

/* Where a text holds another, or a byte, first; or WEIR_NONE. */
#define weir_find(text, what) weir_find_(weir_text(text), weir_text(what))
size_t weir_find_(weir_text text, weir_text what);
size_t weir_find_byte(weir_text text, char byte);

/* Whether a text holds another. */
#define weir_contains(text, what) (weir_find(text, what) != WEIR_NONE)

/* Memory until the call returns; never NULL. It is not cleared. */
void *weir_alloc(size_t size);

/* A text by printf's rules, until the call returns. (A text of weir's is printed by "%.*s" and WEIR_PRINT(text).) */
weir_text weir_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define WEIR_PRINT(text) (int)(text).len, (text).at

/* A copy that lasts as long as the plugin, or until free((char *)copy.at); ended by a zero byte. */
#define weir_keep(text) weir_keep_(weir_text(text))
weir_text weir_keep_(weir_text text);

/* ---- failure, log, metrics ---- */

/* Why a call fails, by printf's rules; false. The last one counts. */
bool weir_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Ends the call where `condition` does not hold, with it and its place in weir's log. The plugin's instance is given up with it:
 * for what cannot be. What can be is an error. */
#define weir_assert(condition) \
    (__builtin_expect(!!(condition), 1) ? (void)0 : weir_abort_(__FILE__, __LINE__, "not so: " #condition))
/* The same without a condition, by printf's rules. */
#define weir_abort(...) weir_abort_(__FILE__, __LINE__, __VA_ARGS__)
_Noreturn void weir_abort_(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* How grave a message is: something is lost; something is degraded; an operator wants to know it; the author does. */
typedef enum { WEIR_ERROR, WEIR_WARN, WEIR_INFO, WEIR_DEBUG } weir_level;

/* Writes to weir's log, with the plugin's name, by printf's rules. Long messages are cut, floods thinned out. */
void weir_log(weir_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A label as it is made: of a metric of the plugin's own, of what is emitted. */
typedef struct {
    weir_text name, value;
} weir_named;
#define WEIR_LABEL(name, value) ((weir_named){weir_text(name), weir_text(value)})

/* Adds to a counter, shown on weir's /metrics as weir_plugin_custom_<name>_total. A negative or non-finite value is ignored, and so are
 * series beyond weir's cap: keep the label values few. */
#define weir_counter(name, add) weir_counter_with(name, add, NULL, 0)
#define weir_counter_with(name, add, labels, count) weir_counter_(weir_text(name), add, labels, count)
void weir_counter_(weir_text name, double add, const weir_named *labels, size_t count);

/* Sets a gauge, shown on weir's /metrics as weir_plugin_custom_<name>; capped in number like the counters. */
#define weir_gauge(name, value) weir_gauge_with(name, value, NULL, 0)
#define weir_gauge_with(name, value, labels, count) weir_gauge_(weir_text(name), value, labels, count)
void weir_gauge_(weir_text name, double value, const weir_named *labels, size_t count);

/* ---- configuration ---- */

/* The plugin's `config` from weir's configuration: a table. A key of it that `configure` does not read is an error, and so is a value
 * of another type; the error names the key. Values are texts (weir_text), lists of texts (weir_texts), numbers (double), whole
 * numbers (int64_t) and truths (bool): what a key is follows from where it is read to. */
typedef struct weir_config weir_config;
typedef enum { WEIR_KEY_TEXT, WEIR_KEY_TEXTS, WEIR_KEY_NUMBER, WEIR_KEY_WHOLE, WEIR_KEY_BOOL } weir_key_type;
#define WEIR_KEY_TYPE_(to)                                                                                                 \
    _Generic((to), weir_text *: WEIR_KEY_TEXT, weir_texts *: WEIR_KEY_TEXTS, double *: WEIR_KEY_NUMBER,             \
             int64_t *: WEIR_KEY_WHOLE, bool *: WEIR_KEY_BOOL)

/* Reads a key that must be there; false, with an error, where it is not. */
#define weir_required(config, name, to) weir_key_(config, name, WEIR_KEY_TYPE_(to), to, true)
/* Reads a key that may be missing: then the value stays as it is. */
#define weir_optional(config, name, to) weir_key_(config, name, WEIR_KEY_TYPE_(to), to, false)
bool weir_key_(weir_config *config, const char *name, weir_key_type type, void *to, bool required);

/* ---- what a plugin reads ---- */

#define WEIR_MOST_NAMES 16

/* Which labels a plugin reads. weir sends only those, so the fewer the cheaper. */
typedef struct {
    bool everything;
    const char *names[WEIR_MOST_NAMES];
} weir_labels;

#define WEIR_NOTHING ((weir_labels){0})
#define WEIR_EVERYTHING ((weir_labels){.everything = true})
/* The labels of these names, at most WEIR_MOST_NAMES; C strings that last. All others read as absent. */
#define WEIR_NAMED(...) ((weir_labels){.names = {__VA_ARGS__}})

/* What a plugin reads of samples (besides kinds and values, which are always there) or of lines. */
typedef struct {
    weir_labels labels;
    weir_labels metadata;  /* lines: labels of the structured metadata */
    bool timestamps;
    bool start_timestamps; /* samples */
    bool lines;            /* lines: their text */
} weir_wanted;

/* ---- a batch, row by row ---- */

/* What a batch is of: label sets (of series and log streams), samples, lines. */
typedef enum { WEIR_OF_SERIES = 1, WEIR_OF_SAMPLES = 2, WEIR_OF_LINES = 4 } weir_batch_of;

typedef struct weir_answer_ weir_answer_;
/* Label sets over the strings of a batch: all of it as weir sent it. */
typedef struct {
    const uint8_t *pairs, *ends, *of_row;
    uint32_t pair_count, set_count, of_row_count;
} weir_sets_;
typedef struct {
    const char *text;
    const uint8_t *ends;
    size_t len;
    uint32_t count;
} weir_strings_;
/* Rows and the answer in the making. Its members are the SDK's. */
typedef struct {
    weir_batch_of of_;
    uint32_t rows_;
    weir_strings_ strings_, lines_;
    weir_sets_ sets_, metadata_;
    const uint8_t *kinds_, *values_, *timestamps_, *start_timestamps_;
    weir_answer_ *answer_;
} weir_batch;

/* How many rows there are. */
static inline uint32_t weir_rows(const weir_batch *batch) { return batch->rows_; }

/* for each row: weir_each(row, batch) { ... } */
#define weir_each(row, batch) for (uint32_t row = 0, weir_end_##row = weir_rows(batch); row < weir_end_##row; row++)

static inline void weir_check_(const weir_batch *batch, uint32_t row, unsigned of, const char *call, const char *file, int line) {
    if (__builtin_expect(row >= batch->rows_, 0))
        weir_abort_(file, line, "%s: row %u, of %u rows", call, row, batch->rows_);
    if (__builtin_expect(!(batch->of_ & of), 0))
        weir_abort_(file, line, "%s: a batch of %s has none", call,
                    batch->of_ == WEIR_OF_SERIES ? "label sets" : batch->of_ == WEIR_OF_SAMPLES ? "samples" : "lines");
}
/* Checks and goes on: `batch` and `row` are looked at once. */
#define WEIR_CHECKED_(result, of, call, batch, row, ...) \
    __extension__({                                      \
        __auto_type weir_b_ = (batch);                   \
        uint32_t weir_r_ = (row);                        \
        weir_check_(weir_b_, weir_r_, of, call, __FILE__, __LINE__); \
        result(weir_b_, weir_r_, ##__VA_ARGS__);         \
    })
#define WEIR_ANY_ (WEIR_OF_SERIES | WEIR_OF_SAMPLES | WEIR_OF_LINES)

static inline uint32_t weir_u32_(const uint8_t *column, size_t i) {
    uint32_t number;
    memcpy(&number, column + 4 * i, sizeof number);
    return number;
}
static inline int64_t weir_s64_(const uint8_t *column, size_t i) {
    int64_t number;
    memcpy(&number, column + 8 * i, sizeof number);
    return number;
}

/* Reading shows a row as it came, not what was changed since. */

/* The value of a label of the series or stream; empty where it has none of that name or the plugin does not want it. */
#define weir_label(batch, row, name) WEIR_CHECKED_(weir_label_, WEIR_ANY_, "weir_label", batch, row, weir_text(name))
weir_text weir_label_(const weir_batch *batch, uint32_t row, weir_text name);

/* How many labels of it the plugin gets, and label i of them: by ascending name. */
#define weir_label_count(batch, row) WEIR_CHECKED_(weir_label_count_, WEIR_ANY_, "weir_label_count", batch, row)
#define weir_label_at(batch, row, i, name, value) WEIR_CHECKED_(weir_label_at_, WEIR_ANY_, "weir_label_at", batch, row, i, name, value)
uint32_t weir_label_count_(const weir_batch *batch, uint32_t row);
void weir_label_at_(const weir_batch *batch, uint32_t row, uint32_t i, weir_text *name, weir_text *value);

/* A label and a value, looked up once for all rows: the fast way to ask. */
typedef struct {
    uint32_t name, value;
} weir_pair;
#define weir_find_pair(batch, name, value) weir_find_pair_(batch, weir_text(name), weir_text(value))
weir_pair weir_find_pair_(const weir_batch *batch, weir_text name, weir_text value);

/* Whether a row has the label with that value. */
#define weir_has(batch, row, pair) WEIR_CHECKED_(weir_has_, WEIR_ANY_, "weir_has", batch, row, pair)
static inline bool weir_has_(const weir_batch *batch, uint32_t row, weir_pair pair) {
    const weir_sets_ *sets = &batch->sets_;
    uint32_t set = sets->of_row_count ? weir_u32_(sets->of_row, row) : row;
    if (set >= sets->set_count) return false;
    uint32_t at = set ? weir_u32_(sets->ends, set - 1) : 0, end = weir_u32_(sets->ends, set);
    uint64_t wanted = (uint64_t)pair.value << 32 | pair.name;
    for (; at < end && at < sets->pair_count; at++)
        if ((uint64_t)weir_s64_(sets->pairs, at) == wanted) return true;
    return false;
}

/* Drops the row. Other changes to it then mean nothing. */
#define weir_drop(batch, row) WEIR_CHECKED_(weir_drop_, WEIR_ANY_, "weir_drop", batch, row)
void weir_drop_(weir_batch *batch, uint32_t row);

/* Sets a label, in place of one of that name. An empty value removes it. */
#define weir_set(batch, row, name, value) \
    WEIR_CHECKED_(weir_set_, WEIR_ANY_, "weir_set", batch, row, weir_text(name), weir_text(value))
void weir_set_(weir_batch *batch, uint32_t row, weir_text name, weir_text value);

/* Removes a label, if the row has it (wanted or not). */
#define weir_remove(batch, row, name) WEIR_CHECKED_(weir_remove_, WEIR_ANY_, "weir_remove", batch, row, weir_text(name))
void weir_remove_(weir_batch *batch, uint32_t row, weir_text name);

/* When it is from: samples in milliseconds since the epoch, lines in nanoseconds; 0 unless the plugin wants timestamps. */
#define weir_timestamp(batch, row) WEIR_CHECKED_(weir_timestamp_, WEIR_OF_SAMPLES | WEIR_OF_LINES, "weir_timestamp", batch, row)
static inline int64_t weir_timestamp_(const weir_batch *batch, uint32_t row) {
    return batch->timestamps_ ? weir_s64_(batch->timestamps_, row) : 0;
}

/* ---- samples ---- */

/* What a sample is: a number; a native histogram, which can be dropped or relabelled, but has no single value; a mark by a pusher that
 * the series has ended. */
typedef enum { WEIR_FLOAT, WEIR_HISTOGRAM, WEIR_STALE } weir_kind;
#define weir_kind_of(batch, row) WEIR_CHECKED_(weir_kind_of_, WEIR_OF_SAMPLES, "weir_kind_of", batch, row)
static inline weir_kind weir_kind_of_(const weir_batch *batch, uint32_t row) {
    uint8_t kind = batch->kinds_[row];
    return kind < WEIR_STALE ? (weir_kind)kind : WEIR_STALE;
}

/* The value of a float to `*to`; false for any other kind, which has none. */
#define weir_value(batch, row, to) WEIR_CHECKED_(weir_value_, WEIR_OF_SAMPLES, "weir_value", batch, row, to)
static inline bool weir_value_(const weir_batch *batch, uint32_t row, double *to) {
    if (batch->kinds_[row] != WEIR_FLOAT) return false;
    memcpy(to, batch->values_ + 8 * (size_t)row, sizeof *to);
    return true;
}

/* When the counter began, in milliseconds since the epoch; 0 where it is not known or not wanted. */
#define weir_start_timestamp(batch, row) WEIR_CHECKED_(weir_start_timestamp_, WEIR_OF_SAMPLES, "weir_start_timestamp", batch, row)
static inline int64_t weir_start_timestamp_(const weir_batch *batch, uint32_t row) {
    return batch->start_timestamps_ ? weir_s64_(batch->start_timestamps_, row) : 0;
}

/* Gives a float another value; does nothing to other kinds, which have none. */
#define weir_set_value(batch, row, value) WEIR_CHECKED_(weir_set_value_, WEIR_OF_SAMPLES, "weir_set_value", batch, row, value)
void weir_set_value_(weir_batch *batch, uint32_t row, double value);

/* ---- lines ---- */

/* The text, without its line end; empty unless the plugin wants lines. */
#define weir_line(batch, row) WEIR_CHECKED_(weir_line_, WEIR_OF_LINES, "weir_line", batch, row)
static inline weir_text weir_line_(const weir_batch *batch, uint32_t row) {
    const weir_strings_ *lines = &batch->lines_;
    if (row >= lines->count) return (weir_text){"", 0};
    uint32_t start = row ? weir_u32_(lines->ends, row - 1) : 0;
    return (weir_text){lines->text + start, weir_u32_(lines->ends, row) - start};
}

/* Gives the line another text. */
#define weir_set_line(batch, row, text) WEIR_CHECKED_(weir_set_line_, WEIR_OF_LINES, "weir_set_line", batch, row, weir_text(text))
void weir_set_line_(weir_batch *batch, uint32_t row, weir_text text);

/* Adds to the text that was set last, which must be this row's. So a text is put together of parts. */
#define weir_add_to_line(batch, row, text) \
    WEIR_CHECKED_(weir_add_to_line_, WEIR_OF_LINES, "weir_add_to_line", batch, row, weir_text(text), __FILE__, __LINE__)
void weir_add_to_line_(weir_batch *batch, uint32_t row, weir_text text, const char *file, int line);

/* Gives the line another time, in nanoseconds since the epoch. */
#define weir_set_timestamp(batch, row, time) WEIR_CHECKED_(weir_set_timestamp_, WEIR_OF_LINES, "weir_set_timestamp", batch, row, time)
void weir_set_timestamp_(weir_batch *batch, uint32_t row, int64_t nanoseconds);

/* The structured metadata, as weir_label and its like. */
#define weir_metadata(batch, row, name) WEIR_CHECKED_(weir_metadata_, WEIR_OF_LINES, "weir_metadata", batch, row, weir_text(name))
#define weir_metadata_count(batch, row) WEIR_CHECKED_(weir_metadata_count_, WEIR_OF_LINES, "weir_metadata_count", batch, row)
#define weir_metadata_at(batch, row, i, name, value) WEIR_CHECKED_(weir_metadata_at_, WEIR_OF_LINES, "weir_metadata_at", batch, row, i, name, value)
#define weir_set_metadata(batch, row, name, value) \
    WEIR_CHECKED_(weir_set_metadata_, WEIR_OF_LINES, "weir_set_metadata", batch, row, weir_text(name), weir_text(value))
#define weir_remove_metadata(batch, row, name) \
    WEIR_CHECKED_(weir_remove_metadata_, WEIR_OF_LINES, "weir_remove_metadata", batch, row, weir_text(name))
weir_text weir_metadata_(const weir_batch *batch, uint32_t row, weir_text name);
uint32_t weir_metadata_count_(const weir_batch *batch, uint32_t row);
void weir_metadata_at_(const weir_batch *batch, uint32_t row, uint32_t i, weir_text *name, weir_text *value);
void weir_set_metadata_(weir_batch *batch, uint32_t row, weir_text name, weir_text value);
void weir_remove_metadata_(weir_batch *batch, uint32_t row, weir_text name);

/* ---- new samples and lines ---- */

/* Samples or lines that no source has: metrics from logs, sums, reports. They come from a source of their own, plugin.NAME, into the
 * pipelines that take from it, and a plugin never sees its own. What a call has emitted counts only if the call succeeds. It can be
 * used from `series`, `samples`, `lines` and `tick`; how much is bounded.
 *
 *     weir_emission *e = weir_new_samples();
 *     weir_add_sample(e, "errors_total", 3, &WEIR_LABEL("app", app), 1);
 *     weir_emit(e);
 */
typedef struct weir_emission weir_emission;
weir_emission *weir_new_samples(void);
weir_emission *weir_new_lines(void);

/* Adds a sample of a series: the metric's name, the value, and `count` other labels. */
#define weir_add_sample(emission, name, value, labels, count) weir_add_sample_(emission, weir_text(name), value, labels, count)
void weir_add_sample_(weir_emission *emission, weir_text name, double value, const weir_named *labels, size_t count);

/* Adds a line of a stream: its text, and `count` labels, at least one. */
#define weir_add_line(emission, text, labels, count) weir_add_line_(emission, weir_text(text), labels, count)
void weir_add_line_(weir_emission *emission, weir_text text, const weir_named *labels, size_t count);

/* Of the row added last: its time (samples: milliseconds since the epoch, lines: nanoseconds); without it, now. All have one or none
 * has. When a sample's counter began, in milliseconds. Structured metadata of a line. */
void weir_at_time(weir_emission *emission, int64_t time);
void weir_since(weir_emission *emission, int64_t milliseconds);
void weir_with_metadata(weir_emission *emission, const weir_named *labels, size_t count);

/* How an emission ended. All is taken or, but for WEIR_EMITTED, nothing; weir counts and logs why. */
typedef enum {
    WEIR_EMITTED,
    WEIR_MALFORMED,   /* no legal name of a metric, a stream without labels, an illegal label name, no UTF-8: weir_why has it */
    WEIR_OVER_BUDGET, /* more than the plugin may emit now; who counts up can go on: the next emission says the sum */
    WEIR_NOT_NOW      /* there is no emitting from `configure` and `wants` */
} weir_emitted;
weir_emitted weir_emit(weir_emission *emission);
/* What was malformed. */
weir_text weir_why(const weir_emission *emission);

/* ---- a store in weir ---- */

/* What is in it outlives an instance and a reload of the plugin, not a restart of weir. A plugin with one instance a pipeline (see
 * WEIR_TICK) has a store a pipeline, any other one for all its instances. What a call has changed counts only if the call succeeds. It
 * can be used from every function, `configure` included: that is where a plugin takes up what it left. */

/* The value of a key to `*value`, until the call returns; false where there is none. */
#define weir_state_get(key, value) weir_state_get_(weir_text(key), value)
bool weir_state_get_(weir_text key, weir_text *value);

/* Sets the value of a key; if it is not kept, the old one stays. A key has at most 1 KiB, a value 256 KiB. */
typedef enum { WEIR_KEPT, WEIR_TOO_LARGE, WEIR_FULL } weir_kept;
#define weir_state_set(key, value) weir_state_set_(weir_text(key), weir_text(value))
weir_kept weir_state_set_(weir_text key, weir_text value);

/* Takes a key out. Nothing happens where there is none. */
#define weir_state_remove(key) weir_state_remove_(weir_text(key))
void weir_state_remove_(weir_text key);

/* All keys that begin so, ascending; until the call returns. */
#define weir_state_keys(prefix) weir_state_keys_(weir_text(prefix))
weir_texts weir_state_keys_(weir_text prefix);

/* ---- HTTP requests ---- */

/* Made by weir to the hosts that the operator has granted (`grant = [{ kind = "http", hosts = ["api.example.com"] }]`): a plugin that
 * uses this runs only where it has that grant. Ask for it in the manifest, too, and say why.
 *
 * A call waits for its answers, and whoever it serves waits for the call: ask in `configure` and `tick` rather than for each batch, and
 * keep what came. The requests of one call share the time that the operator allows (limits.http_timeout, 5 s), those of all
 * instances their number (limits.http_requests, 10 a second).
 *
 *     weir_http_request request = {.url = weir_text("https://api.example.com/teams")};
 *     weir_http_response response;
 *     if (weir_http_send(&request, &response) != WEIR_HTTP_ANSWERED) return weir_error("no teams: %.*s", WEIR_PRINT(response.why));
 */
typedef struct {
    weir_text method; /* GET, HEAD, POST, PUT, PATCH or DELETE; GET where it is empty */
    weir_text url;    /* http or https, with a host that is granted */
    const weir_named *headers; /* beside what weir sets itself: host, content-length and what else belongs to the connection */
    size_t header_count;
    weir_text body;   /* any bytes */
    uint32_t timeout; /* milliseconds for the whole answer, never more than the call may wait, which is what 0 means */
} weir_http_request;

/* Until the call returns. A redirect is an answer as well: weir follows none. */
typedef struct {
    uint16_t status;
    const weir_named *headers; /* names in lower case */
    size_t header_count;
    weir_text body; /* as it came: any bytes */
    weir_text why;  /* why there is no answer, in words for an operator */
} weir_http_response;

/* How a request ended; weir counts and logs refusals as well. */
typedef enum {
    WEIR_HTTP_ANSWERED,    /* with whatever status */
    WEIR_HTTP_MALFORMED,   /* no request can be made of this */
    WEIR_HTTP_NOT_GRANTED, /* the host is not among those that are granted */
    WEIR_HTTP_TOO_LARGE,   /* the request or the answer is larger than it may be */
    WEIR_HTTP_OVER_BUDGET, /* more requests than the plugin may make now */
    WEIR_HTTP_TIMEOUT,     /* no whole answer came in time */
    WEIR_HTTP_FAILED,      /* the name does not resolve, nothing listens there, TLS failed, what came was cut off or no HTTP */
    WEIR_HTTP_NOT_NOW      /* there are no requests from `wants` */
} weir_http_outcome;
weir_http_outcome weir_http_send(const weir_http_request *request, weir_http_response *response);

/* The first value of a header, whatever the case of its name; empty where there is none. */
#define weir_http_header(response, name) weir_http_header_(response, weir_text(name))
weir_text weir_http_header_(const weir_http_response *response, weir_text name);

/* ---- weir's memory of what `series` said ---- */

/* What `series` has said no longer holds: weir asks again about every series and log stream of the pipeline. For a plugin that decides by
 * something else beside labels and configuration: a table that it fetches, say. Usable from `tick`, for it costs the pipeline a start from
 * the beginning; anywhere else it does nothing. It counts only if the call succeeds. */
void weir_forget_verdicts(void);

/* ---- exports, each once a plugin; WEIR_PLUGIN and any of the others ---- */

#include "weir_export.h"

#endif
