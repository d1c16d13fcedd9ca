/* The job of sdk/benches. */
#include "weir.h"

static weir_text cluster;

static bool configure(weir_config *config) { return weir_required(config, "cluster", &cluster); }

static weir_labels series_wants(void) { return WEIR_NAMED("__name__"); }

static bool series(weir_batch *batch) {
    weir_pair gone = weir_find_pair(batch, "__name__", "container_tasks_state");
    weir_each(row, batch) {
        if (weir_has(batch, row, gone)) weir_drop(batch, row);
        else weir_set(batch, row, "cluster", cluster);
    }
    return true;
}

static weir_wanted samples_want(void) { return (weir_wanted){.labels = WEIR_NAMED("unit")}; }

static bool samples(weir_batch *batch) {
    weir_pair seconds = weir_find_pair(batch, "unit", "s");
    weir_each(row, batch) {
        double value;
        if (!weir_value(batch, row, &value)) continue;
        if (value < 0) weir_drop(batch, row);
        else if (weir_has(batch, row, seconds)) weir_set_value(batch, row, value * 1000);
    }
    return true;
}

static weir_wanted logs_want(void) { return (weir_wanted){.lines = true}; }

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
        if (weir_contains(line, "DEBUG")) {
            weir_drop(batch, row);
            continue;
        }
        if (weir_contains(line, "ERROR")) weir_set_metadata(batch, row, "level", "error");
        redact(batch, row, line);
    }
    return true;
}

WEIR_PLUGIN(configure)
WEIR_SERIES(series_wants, series)
WEIR_SAMPLES(samples_want, samples)
WEIR_LOGS(logs_want, logs)
