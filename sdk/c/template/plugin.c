/* {{name}}: drops metrics that nobody reads, and gives all others (and all log streams) a label. */
#include "weir.h"

/* What stands in `[plugins.{{name}}] config` of weir's configuration. */
static weir_text cluster; /* the label's value */
static weir_texts drop;   /* names of metrics that end here */

/* Called once for each instance. Its error is what the operator reads. */
static bool configure(weir_config *config) {
    if (!weir_required(config, "cluster", &cluster) || !weir_optional(config, "drop", &drop)) return false;
    return cluster.len || weir_error("config.cluster: give it a name");
}

/* Only these labels come into the plugin. */
static weir_labels wants(void) { return WEIR_NAMED("__name__"); }

static bool unread(weir_text name) {
    for (size_t i = 0; i < drop.count; i++)
        if (weir_equal(drop.at[i], name)) return true;
    return false;
}

/* weir asks once for each series and keeps the answer. */
static bool series(weir_batch *batch) {
    weir_each(row, batch) {
        if (unread(weir_label(batch, row, "__name__"))) weir_drop(batch, row);
        else weir_set(batch, row, "cluster", cluster);
    }
    return true;
}

WEIR_PLUGIN(configure)
WEIR_SERIES(wants, series)
