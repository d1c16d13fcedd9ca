// A plugin as its author sees it.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { ConfigError, config, counter, gauge, log, plugin } from '../index.js';
import { configure } from '../testing.js';

const everything = plugin({
  config: { cluster: config.text(), limit: config.number().default(0), secrets: config.list(config.pattern('g')).default([]) },
  setup(config) {
    log.info('ready');
    return config;
  },
  series: {
    labels: ['__name__', 'team'],
    relabel(rows, { cluster }) {
      rows.set('cluster', cluster);
      rows.where('__name__', /^go_/g).drop();
      rows.where('team', '').without(rows.where('__name__', new Set(['up']))).set('team', 'nobody');
      for (const row of rows.where('team', (team) => team.startsWith('x'))) {
        row.remove('team');
        row.set('old_team', row.label('team'));
      }
    },
  },
  samples: {
    labels: ['unit'],
    timestamps: true,
    process(rows, { limit }) {
      rows.below(limit).drop();
      const ms = rows.where('unit', 'ms');
      ms.setValues((v) => v / 1000);
      ms.set('unit', 's');
      counter('scaled', { to: 's' }, ms.floats.length);
      gauge('newest', Math.max(...rows.map((row) => Number(row.timestamp))));
    },
  },
  logs: {
    labels: ['job'],
    metadata: ['level'],
    timestamps: true,
    process(rows, { secrets }) {
      for (const secret of secrets) rows.replace(secret, '***');
      rows.replace('***', '<secret>');
      rows.containing('DEBUG').drop();
      rows.containing('ERROR').or(rows.matching(/\bfail/)).setMetadata('level', 'error');
      for (const row of rows.where('job', 'late')) {
        row.setTimestamp(row.timestamp + 1n);
        row.set('job', 'on-time');
      }
    },
  },
});

const make = (given) => configure(everything, { cluster: 'eu', ...given });

test('series', () => {
  const out = make().series([{ __name__: 'up' }, { __name__: 'go_gc' }, { __name__: 'a', team: 'x1' }, { job: 'stream' }, {}]);
  assert.deepEqual(out, [
    { __name__: 'up', cluster: 'eu' },
    null,
    { __name__: 'a', cluster: 'eu', old_team: 'x1' },
    { job: 'stream', cluster: 'eu', team: 'nobody' },
    { cluster: 'eu', team: 'nobody' },
  ]);
});

test('samples', () => {
  const made = make();
  const out = made.samples([
    { labels: { unit: 'ms' }, value: 1500, timestamp: 1 },
    { labels: { unit: 'ms' }, value: -1, timestamp: 2 },
    { labels: { unit: 'ms' }, value: -7, timestamp: 9, kind: 'histogram' },
    { labels: { unit: 'B' }, value: Infinity, timestamp: 3 },
  ]);
  assert.deepEqual(out, [
    { labels: { unit: 's' }, value: 1.5, timestamp: 1, kind: 'float' },
    null,
    { labels: { unit: 's' }, value: -7, timestamp: 9, kind: 'histogram' },
    { labels: { unit: 'B' }, value: Infinity, timestamp: 3, kind: 'float' },
  ]);
  assert.deepEqual(made.metrics, { 'scaled{to="s"}': 2, newest: 9 });
  assert.deepEqual(made.messages, [{ level: 'info', message: 'ready' }]);
});

test('logs, and one replacement after the other', () => {
  const out = make({ secrets: ['password=[^ ]*', 'token=é+'] }).logs([
    'password=a token=éé b',
    { line: 'x DEBUG', labels: { job: 'late' } },
    { line: 'failed', labels: { job: 'late' }, metadata: { level: 'info' }, timestamp: 5n },
    'unfailing ERR',
    'OR',
  ]);
  const bare = { labels: {}, metadata: {} };
  assert.deepEqual(out, [
    { line: '<secret> <secret> b', ...bare },
    null,
    { line: 'failed', labels: { job: 'on-time' }, metadata: { level: 'error' }, timestamp: 6n },
    { line: 'unfailing ERR', ...bare },
    { line: 'OR', ...bare },
  ]);
});

test('what is not touched is not answered', () => {
  assert.deepEqual(make().logs([]), []);
  assert.deepEqual(make().logs([{ line: 'a', labels: { job: 'b' } }]), [{ line: 'a', labels: { job: 'b' }, metadata: {} }]);
});

test('changed lines are searched as they are by now', () => {
  const twice = plugin({
    logs: {
      process(rows) {
        rows.replace('a', 'b');
        assert.equal(rows.containing('a').length, 0);
        assert.deepEqual([...rows.containing('b').indexes], [0, 1]);
        assert.deepEqual(rows.lines, ['b', 'bb']);
        rows.containing('bb').setLines(() => 'c');
      },
    },
  });
  assert.deepEqual(configure(twice).logs(['a', 'ba']).map(({ line }) => line), ['b', 'c']);
});

test('selections combine', () => {
  const look = plugin({
    series: {
      labels: 'everything',
      relabel(rows) {
        const [a, b] = [rows.where('n', ['1', '2']), rows.where('n', ['2', '3'])];
        const got = [a.and(b), a.or(b), a.without(b), rows.without(a), rows.and(a), a.without(rows), rows.or(a), a.and(rows)];
        assert.deepEqual(got.map((s) => [...s.indexes]), [[2], [1, 2, 3], [1], [0, 3], [1, 2], [], [0, 1, 2, 3], [1, 2]]);
        assert.deepEqual(b.labels('n'), ['2', '3']);
        assert.deepEqual([...rows.filter((row) => row.label('n') > '1').indexes], [2, 3]);
        b.set('v', ['x', 'y']);
        a.drop();
        for (const row of b) row.drop();
      },
    },
  });
  assert.deepEqual(configure(look).series(['0', '1', '2', '3'].map((n) => ({ n }))), [{ n: '0' }, null, null, null]);
});

test('what an author gets wrong is answered with what to do', () => {
  const trying = (act) => () =>
    configure(plugin({ logs: { process: (rows) => void act(rows, [...rows][0]) } })).logs(['a', 'b']);
  for (const [act, message] of [
    [(_, row) => row.set('a', 5), 'the value of label "a" must be a string, not number: 5'],
    [(_, row) => row.set('a', null), 'the value of label "a" must be a string, not null: null'],
    [(rows) => rows.remove(undefined), "a label's name must be a string, not undefined: undefined"],
    [(rows) => rows.set('a', ['x']), '2 rows, but 1 values for label "a"'],
    [(_, row) => (row.line = 5), 'a line must be a string, not number: 5'],
    [(_, row) => row.setTimestamp(1.5), 'a timestamp must be a whole number of 64 bits, as in 1700000000000000000n, not number: 1.5'],
    [(_, row) => row.setTimestamp(1n << 63n), 'a timestamp must be a whole number of 64 bits'],
    [(rows) => rows.where('a', 5), 'a test is a string, a RegExp, a list, a Set, a Map or a function, not number: 5'],
    [(rows) => rows.containing(/a/), 'what is searched for must be a string, not object: /a/'],
    [() => counter('a', { b: 1 }), 'the value of label "b" must be a string, not number: 1'],
  ]) {
    assert.throws(trying(act), (e) => e.message.startsWith(message) || assert.fail(`${e.message} for ${message}`));
  }
  const number = plugin({ samples: { process: (rows) => rows.setValues(() => '1') } });
  assert.throws(() => configure(number).samples([{ labels: {}, value: 1 }]), /a sample's value must be a number, not string: 1/);
});

test('a definition that weir could not use is refused', () => {
  const process = () => {};
  for (const [definition, message] of [
    [undefined, 'takes an object'],
    [{}, 'it has none of series, samples and logs'],
    [{ serie: {} }, 'there is no serie; known: config, setup, series, samples, logs'],
    [{ series: { process } }, 'series: there is no process; known: relabel, labels'],
    [{ logs: {} }, 'logs: process(rows) is missing'],
    [{ logs: { process, lines: 'yes' } }, 'logs.lines must be true or false'],
    [{ setup: 1, logs: { process } }, 'setup must be a function'],
  ]) {
    assert.throws(() => plugin(definition), (e) => e.message.includes(message) || assert.fail(`${e.message} for ${message}`));
  }
  assert.throws(() => config.object({ a: String }), /config.a: give a shape, as in config.text\(\)/);
});

test("a configuration's errors name the key", () => {
  const shape = {
    rules: config.list(config.object({ modulus: config.integer(), name: config.text().optional() })),
    mode: config.oneOf('fast', 'safe').default('fast'),
    teams: config.table(config.text()).default({}),
    pattern: config.pattern().optional(),
    on: config.boolean().default(false),
  };
  const definition = plugin({ config: shape, series: { relabel() {} } });
  const { state } = configure(definition, { rules: [{ modulus: 1 }], teams: { a: 'b' }, pattern: '^a' });
  assert.deepEqual(state, {
    rules: [{ modulus: 1, name: undefined }],
    mode: 'fast',
    teams: { a: 'b' },
    pattern: /^a/,
    on: false,
  });
  for (const [given, message] of [
    [{}, 'config: rules is missing'],
    [{ rules: 1 }, 'config.rules: expected a list, found a number: 1'],
    [{ rules: [{ modulus: 1 }, { modulus: 1.5 }] }, 'config.rules[1].modulus: expected a whole number, found a number: 1.5'],
    [{ rules: [], rule: 1 }, 'config.rule: there is no such key; known: rules, mode, teams, pattern, on'],
    [{ rules: [], mode: 'slow' }, 'config.mode: expected one of "fast", "safe", found "slow"'],
    [{ rules: [], teams: { x: 1 } }, 'config.teams.x: expected a string, found a number: 1'],
    [{ rules: [], on: 'yes' }, 'config.on: expected true or false, found a string: "yes"'],
    [{ rules: [], pattern: '(' }, 'config.pattern: Invalid regular expression'],
  ]) {
    assert.throws(() => configure(definition, given), (e) => e instanceof ConfigError && e.message.startsWith(message));
  }
});
