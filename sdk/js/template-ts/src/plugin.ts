// Drops metrics that nobody reads, and gives all others (and all log streams) a label.
import { config, ConfigError, plugin, type SeriesRows } from '#weir';

/** What the functions of the plugin get. */
interface State {
  /** The label's value. */
  cluster: string;
  /** Names of metrics that end here. */
  drop: ReadonlySet<string>;
}

/** weir asks once for each series and keeps the answer. */
function relabel(rows: SeriesRows, { cluster, drop }: State): void {
  rows.where('__name__', drop).drop();
  rows.set('cluster', cluster);
}

export default plugin({
  // what stands in `[plugins.{{name}}] config` of weir's configuration
  config: {
    cluster: config.text(),
    drop: config.list(config.text()).default([]),
  },

  // called once for each instance
  setup({ cluster, drop }): State {
    if (!cluster) throw new ConfigError('config: cluster needs a name'); // what the operator reads
    return { cluster, drop: new Set(drop) };
  },

  series: {
    labels: ['__name__'], // only these labels come into the plugin
    relabel,
  },
});
