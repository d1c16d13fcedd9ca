// weir's part, for tests of a plugin with `node --test`. What there is, with its meaning: testing.d.ts.
import { strict as assert } from 'node:assert';
import { Sets, Strings, f64s, packed, s64s, table, u32s } from './lib/columns.js';
import { read } from './lib/config.js';
import { Unconnected, connect } from './lib/host.js';
import * as logs from './lib/logs.js';
import { INTERFACES, plugin, wanted } from './lib/plugin.js';
import * as samples from './lib/samples.js';
import * as series from './lib/series.js';

const KINDS = ['float', 'histogram', 'stale'];
const none = new Uint8Array(0);
const noSets = { pairs: none, ends: none };

/** A batch's strings. */
class Words {
  #known = new Map();

  #index(text) {
    if (!this.#known.has(text)) this.#known.set(text, this.#known.size);
    return this.#known.get(text);
  }

  sets(sets, wants) {
    if (wants.tag === 'nothing') return noSets;
    const pairs = [];
    const ends = [];
    for (const labels of sets) {
      for (const name of Object.keys(labels).sort()) {
        if (wants.tag === 'everything' || wants.val.includes(name)) pairs.push(this.#index(name), this.#index(labels[name]));
      }
      ends.push(pairs.length / 2);
    }
    return { pairs: packed(Uint32Array.from(pairs)), ends: packed(Uint32Array.from(ends)) };
  }

  get all() {
    return [...this.#known.keys()];
  }
}

/** Distinct label sets, and which of them each row has: rows share sets as they do in weir. */
function distinct(all) {
  const known = new Map();
  const ofRow = all.map((labels) => {
    const key = JSON.stringify(Object.entries(labels).sort());
    if (!known.has(key)) known.set(key, { index: known.size, labels });
    return known.get(key).index;
  });
  return { sets: [...known.values()].map(({ labels }) => labels), ofRow: packed(Uint32Array.from(ofRow)) };
}

function rowsOf(column, count, what) {
  const rows = [...u32s(column)];
  rows.forEach((row, i) => assert(row < count && (!i || rows[i - 1] < row), `${what} rows ascend, each once, below ${count}: ${rows}`));
  return rows;
}

function apply(sets, words, edit) {
  if (!edit) return;
  const texts = [...words, ...new Strings(edit.added).all()];
  const ops = u32s(edit.assigned);
  assert.equal(ops.length % 3, 0);
  for (let i = 0; i < ops.length; i += 3) {
    assert(!i || ops[i - 3] <= ops[i], 'rows of label changes ascend');
    const [name, value] = [texts[ops[i + 1]], texts[ops[i + 2]]];
    if (value) sets[ops[i]][name] = value;
    else delete sets[ops[i]][name];
  }
}

function without(rows, dropped) {
  const gone = new Set(rowsOf(dropped, rows.length, 'dropped'));
  return rows.map((row, i) => (gone.has(i) ? null : row));
}

function emittedSamples({ rows, symbols, sets, setOfRow, timestamps, startTimestamps, values }) {
  const labels = new Sets(rows, new Strings(symbols), sets, setOfRow);
  const [times, starts, column] = [s64s(timestamps), s64s(startTimestamps), f64s(values)];
  return Array.from(column, (value, row) => ({
    labels: labels.labels(row),
    value,
    ...(times.length && { timestamp: times[row] }),
    ...(starts.length && { startTimestamp: starts[row] }),
  }));
}

function emittedLines({ rows, symbols, sets, setOfRow, metadata, timestamps, lines }) {
  const strings = new Strings(symbols);
  const [labels, meta] = [new Sets(rows, strings, sets, setOfRow), new Sets(rows, strings, metadata)];
  const times = s64s(timestamps);
  return new Strings(lines).all().map((line, row) => ({
    labels: labels.labels(row),
    line,
    metadata: meta.labels(row),
    ...(times.length && { timestamp: times[row] }),
  }));
}

/** Makes a plugin of its configuration as weir does. */
export function configure(definition, config = {}, kept = {}, answers = {}) {
  plugin(definition);
  const weir = connect(new Unconnected());
  for (const [key, value] of Object.entries(kept)) weir.kept.set(key, value);
  Object.assign(weir.answers, answers);
  const read_ = read(JSON.stringify(config), definition.config);
  const state = definition.setup ? definition.setup(read_) : read_;
  const look = (name) => (rows) => assert.equal(definition[name][INTERFACES[name].method](rows, state), undefined);
  return {
    state,
    get messages() {
      return weir.messages;
    },
    get metrics() {
      return weir.metrics;
    },
    get emitted() {
      return weir.emitted.flatMap(({ what, columns }) => (what === 'samples' ? emittedSamples(columns) : emittedLines(columns)));
    },
    get kept() {
      return Object.fromEntries(weir.kept);
    },
    answers: weir.answers,
    requests: weir.requests,
    get forgotten() {
      return weir.forgotten;
    },
    tick(now = 0, last = false) {
      assert.equal(definition.tick.tick(state, now, last), undefined);
    },
    series(given) {
      const sets = [...given].map((labels) => ({ ...labels }));
      const words = new Words();
      const columns = words.sets(sets, wanted('series', definition.series, state));
      const verdicts = series.relabel(sets.length, table(words.all), columns, look('series'));
      apply(sets, words.all, verdicts.labels);
      return without(sets, verdicts.dropped);
    },
    samples(given) {
      const rows = [...given].map((s) => ({ kind: 'float', value: 0, ...s, labels: { ...s.labels } }));
      const wants = wanted('samples', definition.samples, state);
      const words = new Words();
      const { sets, ofRow } = distinct(rows.map((s) => s.labels));
      const columns = words.sets(sets, wants.labels);
      const times = (on, key) => (on ? packed(BigInt64Array.from(rows, (s) => BigInt(s[key] ?? 0))) : none);
      const answer = samples.process(
        {
          rows: rows.length,
          symbols: table(words.all),
          sets: columns,
          setOfRow: columns === noSets ? none : ofRow,
          kinds: Uint8Array.from(rows, (s) => KINDS.indexOf(s.kind)),
          timestamps: times(wants.timestamps, 'timestamp'),
          startTimestamps: times(wants.startTimestamps, 'startTimestamp'),
          values: packed(Float64Array.from(rows, (s) => s.value)),
        },
        look('samples'),
      );
      if (answer.tag === 'unchanged') return rows;
      const { dropped, labels, changed, values } = answer.val;
      apply(rows.map((s) => s.labels), words.all, labels);
      const next = new Float64Array(values.buffer);
      rowsOf(changed, rows.length, 'changed').forEach((row, i) => {
        assert.equal(rows[row].kind, 'float');
        rows[row].value = next[i];
      });
      return without(rows, dropped);
    },
    logs(given) {
      const rows = [...given].map((l) => (typeof l === 'string' ? { line: l } : l)).map((l) => ({ ...l, labels: { ...l.labels }, metadata: { ...l.metadata } }));
      const wants = wanted('logs', definition.logs, state);
      const words = new Words();
      const { sets, ofRow } = distinct(rows.map((l) => l.labels));
      const columns = words.sets(sets, wants.labels);
      const some = rows.some((l) => Object.keys(l.metadata).length);
      const metadata = some ? words.sets(rows.map((l) => l.metadata), wants.metadata) : noSets;
      const answer = logs.process(
        {
          rows: rows.length,
          symbols: table(words.all),
          sets: columns,
          setOfRow: columns === noSets ? none : ofRow,
          metadata,
          timestamps: wants.timestamps ? packed(BigInt64Array.from(rows, (l) => BigInt(l.timestamp ?? 0))) : none,
          lines: table(wants.lines ? rows.map((l) => l.line) : []),
        },
        look('logs'),
      );
      if (answer.tag === 'unchanged') return rows;
      const { dropped, labels, metadata: meta, times, changed, lines } = answer.val;
      apply(rows.map((l) => l.labels), words.all, labels);
      apply(rows.map((l) => l.metadata), words.all, meta);
      const next = new Strings(lines).all();
      rowsOf(changed, rows.length, 'changed').forEach((row, i) => (rows[row].line = next[i]));
      if (times) {
        const stamps = new BigInt64Array(times.timestamps.buffer);
        rowsOf(times.rows, rows.length, 'timed').forEach((row, i) => (rows[row].timestamp = stamps[i]));
      }
      return without(rows, dropped);
    },
  };
}
