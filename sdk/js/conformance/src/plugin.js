// The plugin that `sdk/conformance/README.md` describes.
import { config, ConfigError, counter, Failure, log, plugin } from '#weir';

const SECRET = /password=[^ ]*/g;
const STAMP = /^at ([0-9]+)/;

export default plugin({
  config: {
    cluster: config.text(),
    drop: config.list(config.text()).default([]),
    factor: config.number().default(1000),
  },

  setup({ cluster, drop, factor }) {
    if (!cluster) throw new ConfigError('config.cluster: must not be empty');
    log.info('configured');
    return { cluster, drop: new Set(drop), factor };
  },

  series: {
    labels: ['__name__', 'city', 'instance', 'mode'],
    relabel(rows, { cluster, drop }) {
      for (const row of rows.where('mode', ['error', 'panic'])) {
        if (row.label('mode') === 'panic') throw new Error('asked to panic');
        throw new Failure(`asked to fail by ${row.label('instance') ?? ''}`);
      }
      const dropped = rows.where('__name__', drop);
      dropped.drop();
      counter('dropped', { kind: 'series' }, dropped.length);
      rows.set('cluster', cluster);
      const greeted = rows.where('city', (city) => city !== '');
      greeted.set('greeting', greeted.labels('city').map((city) => `grüezi ${city}`));
      const renamed = rows.where('mode', 'rename');
      renamed.set('__name__', renamed.labels('__name__').map((name) => `${name ?? ''}_renamed`));
      rows.where('mode', 'remove').remove('instance');
      rows.where('mode', 'empty').set('instance', '');
    },
  },

  samples: {
    labels: ['__name__', 'unit'],
    timestamps: true,
    process(rows, { factor }) {
      const { floats } = rows;
      for (const row of floats.where('unit', 'fail')) throw new Failure(`asked to fail by ${row.label('__name__')}`);
      const below = floats.below(0);
      below.drop();
      const kept = floats.without(below);
      const ms = kept.where('unit', 'ms');
      ms.setValues((value) => value / factor);
      ms.set('unit', 's');
      for (const row of kept.where('unit', 'time')) row.setValue(Number(row.timestamp % 1000n));
      kept.where('unit', 'nan').setValues(() => NaN);
    },
  },

  logs: {
    labels: ['job'],
    metadata: ['trace'],
    timestamps: true,
    process(rows) {
      for (const row of rows.containing('FAIL').or(rows.containing('PANIC'))) {
        if (row.line === 'PANIC') throw new Error('asked to panic');
        if (row.line === 'FAIL') throw new Failure(`asked to fail by ${row.label('job') ?? ''}`);
      }
      const gone = rows.containing('DEBUG');
      gone.drop();
      const kept = rows.without(gone);
      kept.containing('ERROR').setMetadata('level', 'error');
      for (const row of kept.containing('at ')) {
        const stamp = STAMP.exec(row.line);
        if (stamp) row.setTimestamp(BigInt(stamp[1]));
      }
      kept.containing('password=').replace(SECRET, 'password=***');
      const traced = kept.whereMetadata('trace', (trace) => trace !== '');
      traced.removeMetadata('trace');
      traced.set('traced', 'yes');
    },
  },
});
