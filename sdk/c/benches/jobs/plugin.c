/* The jobs of weir's benches/contract.rs. */
#include "weir.h"

static bool filter;

static bool configure(weir_config *config) {
    weir_text mode = {"", 0};
    if (!weir_required(config, "mode", &mode)) return false;
    filter = weir_equal(mode, "filter");
    return true;
}

static weir_labels series_wants(void) { return filter ? WEIR_NAMED("env") : WEIR_EVERYTHING; }

static bool series(weir_batch *batch) {
    if (filter) {
        weir_pair debug = weir_find_pair(batch, "env", "debug");
        weir_each(row, batch) {
            if (weir_has(batch, row, debug)) weir_drop(batch, row);
        }
        return true;
    }
    weir_each(row, batch) {
        weir_text pod = weir_label(batch, row, "pod");
        weir_set(batch, row, "cluster", "eu-1");
        if (pod.len) {
            weir_set(batch, row, "pod_name", pod);
            weir_remove(batch, row, "pod");
        }
    }
    return true;
}

static weir_wanted logs_want(void) { return (weir_wanted){.lines = true}; }

static bool word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-' || c == '+';
}

static void redact(weir_batch *batch, uint32_t row, weir_text line) {
    size_t from = 0, at = 0, sign;
    bool changed = false;
    while ((sign = weir_find_byte(weir_slice(line, at, line.len), '@')) != WEIR_NONE) {
        sign += at;
        size_t start = sign, end = sign + 1;
        while (start > from && word(line.at[start - 1])) start--;
        while (end < line.len && word(line.at[end])) end++;
        if (start < sign && weir_find_byte(weir_slice(line, sign + 1, end), '.') != WEIR_NONE) {
            if (!changed) weir_set_line(batch, row, "");
            changed = true;
            weir_add_to_line(batch, row, weir_slice(line, from, start));
            weir_add_to_line(batch, row, "<email>");
            from = end;
        }
        at = end;
    }
    if (changed) weir_add_to_line(batch, row, weir_slice(line, from, line.len));
}

static bool logs(weir_batch *batch) {
    weir_each(row, batch) {
        weir_text line = weir_line(batch, row);
        if (weir_contains(line, "DEBUG")) weir_drop(batch, row);
        else redact(batch, row, line);
    }
    return true;
}

WEIR_PLUGIN(configure)
WEIR_SERIES(series_wants, series)
WEIR_LOGS(logs_want, logs)
