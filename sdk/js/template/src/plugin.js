// Drops metrics that nobody reads, and gives all others (and all log streams) a label.
import { config, ConfigError, plugin } from '#weir';

export default plugin({
  // what stands in `[plugins.{{name}}] config` of weir's configuration
  config: {
    cluster: config.text(), // the label's value
    drop: config.list(config.text()).default([]), // names of metrics that end here
  },

  // called once for each instance; what it returns is what the functions below get
  setup({ cluster, drop }) {
    if (!cluster) throw new ConfigError('config: cluster needs a name'); // what the operator reads
    return { cluster, drop };
  },

  series: {
    labels: ['__name__'], // only these labels come into the plugin
    // weir asks once for each series and keeps the answer
    relabel(rows, { cluster, drop }) {
      rows.where('__name__', drop).drop();
      rows.set('cluster', cluster);
    },
  },
});
