/* The plugin of sdk/conformance/README.md. */
#include <math.h>
#include <stdlib.h>

#include "weir.h"

static weir_text cluster;
static weir_texts drop;
static double factor = 1000;

static bool configure(weir_config *config) {
    if (!weir_required(config, "cluster", &cluster) || !weir_optional(config, "drop", &drop) ||
        !weir_optional(config, "factor", &factor))
        return false;
    if (!cluster.len) return weir_error("config.cluster: must not be empty");
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
        if (!weir_value(batch, row, &value)) continue;
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

static bool logs(weir_batch *batch) {
    weir_each(row, batch) {
        weir_text line = weir_line(batch, row);
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
    }
    return true;
}

WEIR_PLUGIN(configure)
WEIR_SERIES(series_wants, series)
WEIR_SAMPLES(samples_want, samples)
WEIR_LOGS(logs_want, logs)
