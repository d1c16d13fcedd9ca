/* The plugin of sdk/conformance/README.md. */
#include <math.h>
#include <stdlib.h>

#include "weir.h"

static weir_text cluster;
static weir_texts drop;
static double factor = 1000;
/* Lines that this instance has been called with. */
static uint64_t seen;

static bool configure(weir_config *config) {
    if (!weir_required(config, "cluster", &cluster) || !weir_optional(config, "drop", &drop) ||
        !weir_optional(config, "factor", &factor))
        return false;
    if (!cluster.len) return weir_error("config.cluster: must not be empty");
    weir_emission *early = weir_new_samples();
    weir_add_sample(early, "early", 1, NULL, 0);
    if (weir_emit(early) != WEIR_NOT_NOW) return weir_error("emitting is possible before the first call");
    weir_log(WEIR_INFO, "configured");
    return true;
}

/* ---- series ---- */

static weir_labels series_wants(void) { return WEIR_NAMED("__name__", "city", "instance", "mode"); }

static bool dropped(weir_text name) {
    for (size_t i = 0; i < drop.count; i++)
        if (weir_equal(drop.at[i], name)) return true;
    return false;
}

static bool series(weir_batch *batch) {
    weir_each(row, batch) {
        weir_text name = weir_label(batch, row, "__name__"), mode = weir_label(batch, row, "mode");
        weir_text city = weir_label(batch, row, "city"), instance = weir_label(batch, row, "instance");
        if (weir_equal(mode, "error")) return weir_error("asked to fail by %.*s", WEIR_PRINT(instance));
        if (weir_equal(mode, "panic")) weir_abort("asked to panic");
        if (dropped(name)) {
            weir_drop(batch, row);
            weir_named kind = {weir_text("kind"), weir_text("series")};
            weir_counter_with("dropped", 1, &kind, 1);
            continue;
        }
        weir_set(batch, row, "cluster", cluster);
        if (city.len) weir_set(batch, row, "greeting", weir_format("grüezi %.*s", WEIR_PRINT(city)));
        if (weir_equal(mode, "rename")) weir_set(batch, row, "__name__", weir_format("%.*s_renamed", WEIR_PRINT(name)));
        if (weir_equal(mode, "remove")) weir_remove(batch, row, "instance");
        if (weir_equal(mode, "empty")) weir_set(batch, row, "instance", "");
    }
    return true;
}

/* ---- samples ---- */

static weir_wanted samples_want(void) { return (weir_wanted){.labels = WEIR_NAMED("__name__", "unit"), .timestamps = true}; }

static bool samples(weir_batch *batch) {
    weir_each(row, batch) {
        double value;
        if (!weir_value(batch, row, &value)) {
            weir_set(batch, row, "kind", weir_kind_of(batch, row) == WEIR_HISTOGRAM ? "histogram" : "stale");
            continue;
        }
        weir_text unit = weir_label(batch, row, "unit");
        if (weir_equal(unit, "fail")) return weir_error("asked to fail by %.*s", WEIR_PRINT(weir_label(batch, row, "__name__")));
        if (value < 0) {
            weir_drop(batch, row);
        } else if (weir_equal(unit, "ms")) {
            weir_set_value(batch, row, value / factor);
            weir_set(batch, row, "unit", "s");
        } else if (weir_equal(unit, "time")) {
            weir_set_value(batch, row, (double)(weir_timestamp(batch, row) % 1000));
        } else if (weir_equal(unit, "nan")) {
            weir_set_value(batch, row, NAN);
        }
    }
    return true;
}

/* ---- logs ---- */

static weir_wanted logs_want(void) {
    return (weir_wanted){.labels = WEIR_NAMED("job"), .metadata = WEIR_NAMED("trace"), .timestamps = true, .lines = true};
}

static void redact(weir_batch *batch, uint32_t row, weir_text line) {
    static const char key[] = "password=";
    size_t at = weir_find(line, key);
    if (at == WEIR_NONE) return;
    weir_set_line(batch, row, "");
    for (; at != WEIR_NONE; at = weir_find(line, key)) {
        size_t secret = at + sizeof key - 1;
        weir_add_to_line(batch, row, weir_slice(line, 0, secret));
        weir_add_to_line(batch, row, "***");
        line = weir_slice(line, secret, line.len);
        line = weir_slice(line, weir_find_byte(line, ' '), line.len);
    }
    weir_add_to_line(batch, row, line);
}

/* The first word of what is left of a text, and the rest behind its blank. */
static weir_text next_word(weir_text *left) {
    size_t end = weir_find_byte(*left, ' ');
    weir_text word = weir_slice(*left, 0, end);
    *left = end == WEIR_NONE ? (weir_text){"", 0} : weir_slice(*left, end + 1, left->len);
    return word;
}

static int64_t number(weir_text word) { return strtoll(weir_format("%.*s", WEIR_PRINT(word)).at, NULL, 10); }

static const char *answer(weir_emission *emission) {
    switch (weir_emit(emission)) {
    case WEIR_EMITTED: return "emitted";
    case WEIR_OVER_BUDGET: return "budget";
    case WEIR_MALFORMED: return "malformed";
    default: return "not now";
    }
}

static const char *things(weir_text name, weir_text job, int64_t count) {
    weir_emission *emission = weir_new_samples();
    for (int64_t i = 0; i < count; i++) {
        weir_named labels[] = {WEIR_LABEL("city", "Zürich"), WEIR_LABEL("job", job), WEIR_LABEL("row", weir_format("%lld", (long long)i))};
        weir_add_sample(emission, name, (double)i + 0.5, labels, 3);
    }
    return answer(emission);
}

static const char *sayings(weir_text job, int64_t count) {
    weir_emission *emission = weir_new_lines();
    for (int64_t i = 0; i < count; i++) {
        weir_named stream[] = {WEIR_LABEL("job", job), WEIR_LABEL("said", "größe")};
        weir_add_line(emission, weir_format("line %lld 🦭", (long long)i), stream, 2);
        if (i % 2) weir_with_metadata(emission, &WEIR_LABEL("row", weir_format("%lld", (long long)i)), 1);
    }
    return answer(emission);
}

static const char *timed(weir_emission *emission, int64_t time) {
    weir_at_time(emission, time);
    return answer(emission);
}

static const char *kept(weir_kept outcome) { return outcome == WEIR_KEPT ? "kept" : "refused"; }

static weir_text keys(weir_text prefix) {
    weir_texts all = weir_state_keys(prefix);
    weir_text list = {"", 0};
    for (size_t i = 0; i < all.count; i++)
        list = weir_format("%.*s%s%.*s", WEIR_PRINT(list), i ? "," : "", WEIR_PRINT(all.at[i]));
    return list;
}

static weir_http_outcome ask(weir_text method, weir_text url, weir_text body, uint32_t timeout, weir_http_response *answer) {
    weir_named headers[] = {WEIR_LABEL("x-asked", "conformance"), WEIR_LABEL("x-asked", "twice")};
    weir_http_request request = {
        .method = method, .url = url, .headers = headers, .header_count = 2, .body = body, .timeout = timeout,
    };
    return weir_http_send(&request, answer);
}

static weir_text asked(weir_text method, weir_text url, weir_text body, uint32_t timeout) {
    weir_http_response answer;
    switch (ask(method, url, body, timeout, &answer)) {
    case WEIR_HTTP_ANSWERED: break;
    case WEIR_HTTP_MALFORMED: return weir_text("malformed");
    case WEIR_HTTP_NOT_GRANTED: return weir_text("not granted");
    case WEIR_HTTP_TOO_LARGE: return weir_text("too large");
    case WEIR_HTTP_OVER_BUDGET: return weir_text("over budget");
    case WEIR_HTTP_TIMEOUT: return weir_text("timeout");
    case WEIR_HTTP_FAILED: return weir_text("failed");
    case WEIR_HTTP_NOT_NOW: return weir_text("not now");
    }
    weir_text answered = weir_http_header(&answer, "X-Answered");
    return weir_format("%d %.*s %.*s", answer.status, WEIR_PRINT(answered), WEIR_PRINT(answer.body));
}

static weir_text often(int64_t times, weir_text url) {
    weir_http_response answer;
    for (int64_t i = 0; i < times; i++)
        if (ask(weir_text("GET"), url, (weir_text){0}, 0, &answer) == WEIR_HTTP_OVER_BUDGET) return weir_text("over budget");
    return weir_text("asked");
}

/* The status; where there is no answer the call is an error. */
static bool must_ask(weir_text url, weir_text *status) {
    weir_http_response answer;
    if (ask(weir_text("GET"), url, (weir_text){0}, 0, &answer) != WEIR_HTTP_ANSWERED) return weir_error("%.*s", WEIR_PRINT(answer.why));
    *status = weir_format("%d", answer.status);
    return true;
}

/* Does what the words behind "do " say and gives the answer, but for `must-ask`. */
static weir_text done(weir_text words, weir_text job) {
    weir_text what = next_word(&words), first = next_word(&words), second = next_word(&words), value;
    if (weir_equal(what, "emit")) return weir_text(things(first, job, number(second)));
    if (weir_equal(what, "emit-at")) {
        weir_emission *emission = weir_new_samples();
        weir_add_sample(emission, first, 1, NULL, 0);
        return weir_text(timed(emission, number(second)));
    }
    if (weir_equal(what, "say")) return weir_text(sayings(job, number(first)));
    if (weir_equal(what, "say-at")) {
        weir_emission *emission = weir_new_lines();
        weir_add_line(emission, "at", &WEIR_LABEL("said", "größe"), 1);
        return weir_text(timed(emission, number(first)));
    }
    if (weir_equal(what, "keep")) return weir_text(kept(weir_state_set(first, second)));
    if (weir_equal(what, "keep-large")) {
        size_t count = (size_t)number(second);
        char *large = weir_alloc(count);
        memset(large, 'x', count);
        return weir_text(kept(weir_state_set(first, ((weir_text){large, count}))));
    }
    if (weir_equal(what, "look")) return weir_state_get(first, &value) ? value : weir_text("nothing");
    if (weir_equal(what, "forget")) {
        weir_state_remove(first);
        return weir_text("forgotten");
    }
    if (weir_equal(what, "list")) return keys(first);
    if (weir_equal(what, "ask")) return asked(first, second, words, 0);
    if (weir_equal(what, "ask-briefly")) return asked(weir_text("GET"), first, (weir_text){0}, 50);
    if (weir_equal(what, "ask-often")) return often(number(first), second);
    weir_abort("no such words: %.*s", WEIR_PRINT(what));
}

static bool logs(weir_batch *batch) {
    weir_each(row, batch) {
        weir_text line = weir_line(batch, row);
        seen++;
        if (weir_equal(line, "FAIL")) return weir_error("asked to fail by %.*s", WEIR_PRINT(weir_label(batch, row, "job")));
        if (weir_equal(line, "PANIC")) weir_abort("asked to panic");
        if (weir_contains(line, "DEBUG")) {
            weir_drop(batch, row);
            continue;
        }
        if (weir_contains(line, "ERROR")) weir_set_metadata(batch, row, "level", "error");
        redact(batch, row, line);
        if (weir_metadata(batch, row, "trace").len) {
            weir_remove_metadata(batch, row, "trace");
            weir_set(batch, row, "traced", "yes");
        }
        if (weir_starts(line, "at ") && line.len > 3 && line.at[3] >= '0' && line.at[3] <= '9')
            weir_set_timestamp(batch, row, strtoll(weir_format("%.*s", WEIR_PRINT(line)).at + 3, NULL, 10));
        static const char must[] = "do must-ask ";
        weir_text status;
        if (weir_starts(line, must)) {
            if (!must_ask(weir_slice(line, sizeof must - 1, line.len), &status)) return false;
            weir_set_metadata(batch, row, "answer", status);
        } else if (weir_starts(line, "do ")) {
            weir_set_metadata(batch, row, "answer", done(weir_slice(line, 3, line.len), weir_label(batch, row, "job")));
        }
    }
    return true;
}

/* ---- tick ---- */

static bool tick(int64_t now, bool last) {
    weir_text value;
    int64_t ticks = (weir_state_get("ticks", &value) ? number(value) : 0) + 1;
    weir_state_set("ticks", weir_format("%lld", (long long)ticks));
    weir_emission *emission = weir_new_samples();
    weir_add_sample(emission, "ticks", (double)ticks, &WEIR_LABEL("last", last ? "yes" : "no"), 1);
    weir_add_sample(emission, "tick_seconds", (double)(now / 1000), NULL, 0);
    weir_add_sample(emission, "lines_seen", (double)seen, NULL, 0);
    weir_emitted emitted = weir_emit(emission);
    bool told = weir_state_get("tick", &value);
    if (told && weir_equal(value, "fail")) return weir_error("asked to fail in tick");
    if (told && weir_equal(value, "anew")) weir_forget_verdicts();
    /* over budget, the next tick says the sum */
    return emitted == WEIR_EMITTED || emitted == WEIR_OVER_BUDGET || weir_error("%.*s", WEIR_PRINT(weir_why(emission)));
}

WEIR_PLUGIN(configure)
WEIR_SERIES(series_wants, series)
WEIR_SAMPLES(samples_want, samples)
WEIR_LOGS(logs_want, logs)
WEIR_TICK(15000, tick)
