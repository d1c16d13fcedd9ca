// The plugin that `sdk/conformance/README.md` describes.
import { config, ConfigError, counter, Failure, log, plugin } from '#weir';
import * as emit from '#weir/emit';
import { get, Refused, send } from '#weir/http';
import * as state from '#weir/state';
import * as verdicts from '#weir/verdicts';

const SECRET = /password=[^ ]*/g;
const STAMP = /^at ([0-9]+)/;

const early = () => {
  try {
    return emit.samples([{ labels: { __name__: 'early' }, value: 1 }]);
  } catch (thrown) {
    if (thrown instanceof emit.Refused) return false;
    throw thrown;
  }
};

const answer = (send, records) => {
  try {
    return send(records) ? 'emitted' : 'budget';
  } catch (thrown) {
    if (thrown instanceof emit.Refused) return 'malformed';
    throw thrown;
  }
};

const saying = (i, job) => ({
  labels: { job, said: 'größe' },
  line: `line ${i} 🦭`,
  metadata: i % 2 ? { row: String(i) } : undefined,
});

const asked = (method, url, options) => {
  try {
    const answer = send(method, url, { headers: [['x-asked', 'conformance'], ['x-asked', 'twice']], ...options });
    return `${answer.status} ${answer.headers['x-answered']} ${answer.text()}`;
  } catch (thrown) {
    if (thrown instanceof Refused) return thrown.kind.replace('-', ' ');
    throw thrown;
  }
};

const range = (count) => Array.from({ length: Number(count) }, (_, i) => i);

/** What the words behind `do ` ask for. `job` is that of the line's stream. */
const jobs = {
  emit: (job, name, count) =>
    answer(emit.samples, range(count).map((i) => ({ labels: { __name__: name, city: 'Zürich', job, row: String(i) }, value: i + 0.5 }))),
  'emit-at': (job, name, time) => answer(emit.samples, [{ labels: { __name__: name }, value: 1, timestamp: BigInt(time) }]),
  say: (job, count) => answer(emit.lines, range(count).map((i) => saying(i, job))),
  'say-at': (job, time) => answer(emit.lines, [{ labels: { said: 'größe' }, line: 'at', timestamp: BigInt(time) }]),
  keep: (job, key, value) => (state.set(key, value) ? 'kept' : 'refused'),
  'keep-large': (job, key, count) => (state.setBytes(key, new Uint8Array(Number(count)).fill(120)) ? 'kept' : 'refused'),
  look: (job, key) => String(state.get(key, 'nothing')),
  forget: (job, key) => {
    state.remove(key);
    return 'forgotten';
  },
  list: (job, prefix) => state.keys(prefix).join(','),
  ask: (job, method, url, body) => asked(method, url, { body }),
  'ask-briefly': (job, url) => asked('GET', url, { timeout: 0.05 }),
  'ask-often': (job, count, url) => (range(count).some(() => asked('GET', url) === 'over budget') ? 'over budget' : 'asked'),
  'must-ask': (job, url) => String(get(url).status),
};

export default plugin({
  config: {
    cluster: config.text(),
    drop: config.list(config.text()).default([]),
    factor: config.number().default(1000),
  },

  setup({ cluster, drop, factor }) {
    if (!cluster) throw new ConfigError('config.cluster: must not be empty');
    if (early()) throw new Error('emitting is possible before the first call');
    log.info('configured');
    return { cluster, drop: new Set(drop), factor, seen: 0 };
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
      for (const row of rows.without(floats)) row.set('kind', row.kind);
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
    process(rows, plugin) {
      plugin.seen += rows.length;
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
      for (const row of kept.containing('do ')) {
        if (!row.line.startsWith('do ')) continue;
        const [what, ...words] = row.line.slice(3).split(' ');
        row.setMetadata('answer', jobs[what](row.label('job') ?? '', ...words));
      }
    },
  },

  tick: {
    every: 15,
    tick({ seen }, now, last) {
      const ticks = state.get('ticks', 0) + 1;
      state.set('ticks', ticks);
      emit.samples([
        { labels: { __name__: 'ticks', last: last ? 'yes' : 'no' }, value: ticks },
        { labels: { __name__: 'tick_seconds' }, value: Math.floor(now / 1000) },
        { labels: { __name__: 'lines_seen' }, value: seen },
      ]);
      if (state.get('tick') === 'fail') throw new Failure('asked to fail in tick');
      if (state.get('tick') === 'anew') verdicts.forget();
    },
  },
});
