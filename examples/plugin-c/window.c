/* Window keeps the values of some metrics within what can be: a sensor that answers 4,095 °C for a moment spoils every average that is
 * taken of it. What lies outside is dropped, or set to the window's end. */
#include <math.h>

#include "weir.h"

static weir_texts metrics;           /* which metrics; their names may end in *, which stands for any end */
static double low = -INFINITY, high = INFINITY;
static bool clamp;                   /* set values to the window's end, not drop them */
static bool keep_nan = true;

static bool configure(weir_config *config) {
    bool read = weir_required(config, "metrics", &metrics) && weir_optional(config, "min", &low) && weir_optional(config, "max", &high) &&
                weir_optional(config, "clamp", &clamp) && weir_optional(config, "keep_nan", &keep_nan);
    if (!read) return false;
    if (!metrics.count) return weir_error("config.metrics: name at least one");
    if (!(low < high)) return weir_error("config.min: %g is not below config.max, %g", low, high);
    if (isinf(low) && isinf(high)) return weir_error("config: give min, max or both");
    return true;
}

static weir_wanted wants(void) { return (weir_wanted){.labels = WEIR_NAMED("__name__")}; }

static bool is_meant(weir_text name) {
    for (size_t i = 0; i < metrics.count; i++) {
        weir_text pattern = metrics.at[i];
        bool open = pattern.len && pattern.at[pattern.len - 1] == '*';
        if (open ? weir_starts(name, weir_slice(pattern, 0, pattern.len - 1)) : weir_equal(name, pattern)) return true;
    }
    return false;
}

static void count(const char *what, size_t rows) {
    weir_named label = {weir_text("action"), weir_text(what)};
    if (rows) weir_counter_with("outside", (double)rows, &label, 1);
}

static bool samples(weir_batch *batch) {
    size_t dropped = 0, clamped = 0;
    weir_each(row, batch) {
        double value;
        if (!weir_value(batch, row, &value)) continue; /* a histogram has no single value */
        if (isnan(value) ? keep_nan : value >= low && value <= high) continue;
        /* few values lie outside, so only theirs is looked at */
        if (!is_meant(weir_label(batch, row, "__name__"))) continue;
        if (clamp && !isnan(value)) {
            weir_set_value(batch, row, value < low ? low : high);
            clamped++;
        } else {
            weir_drop(batch, row);
            dropped++;
        }
    }
    count("drop", dropped);
    count("clamp", clamped);
    return true;
}

WEIR_PLUGIN(configure)
WEIR_SAMPLES(wants, samples)
