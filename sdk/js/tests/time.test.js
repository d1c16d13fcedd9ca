// Plugins that hold state over time: emit, state, tick.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import * as emit from '../emit.js';
import { plugin } from '../index.js';
import * as state from '../state.js';
import { configure } from '../testing.js';

const count = plugin({
  setup: () => ({ counts: state.get('counts', {}) }),
  logs: {
    labels: ['job'],
    process(rows, { counts }) {
      for (const job of rows.labels('job')) counts[job ?? 'none'] = (counts[job ?? 'none'] ?? 0) + 1;
    },
  },
  tick: {
    every: 2.5,
    tick({ counts }, now, last) {
      assert(emit.samples(Object.entries(counts).map(([job, value]) => ({ labels: { __name__: 'lines_total', job }, value, timestamp: now }))));
      if (!last) return;
      assert(state.set('counts', { ...counts, 'é世😀': 1 }));
      emit.lines([{ labels: { job: 'é' }, line: 'bye 世', metadata: { n: '1' } }, { labels: { job: 'é' }, line: '' }]);
    },
  },
});

test('counting over a reload', () => {
  const made = configure(count);
  made.logs([{ line: 'x', labels: { job: 'a' } }, 'y', { line: 'z', labels: { job: 'a' } }]);
  made.tick(5);
  const sample = (job, value) => ({ labels: { __name__: 'lines_total', job }, value, timestamp: 5n });
  assert.deepEqual(made.emitted, [sample('a', 2), sample('none', 1)]);
  made.tick(6, true);
  assert.deepEqual(made.emitted.slice(4), [
    { labels: { job: 'é' }, line: 'bye 世', metadata: { n: '1' } },
    { labels: { job: 'é' }, line: '', metadata: {} },
  ]);
  assert.deepEqual(configure(count, {}, made.kept).state.counts, { a: 2, none: 1, 'é世😀': 1 });
  assert.deepEqual(state.keys('c'), ['counts']);
  state.remove('counts');
  assert.equal(state.get('counts'), undefined);
});

test('what an author gets wrong is answered with what to do', () => {
  for (const [act, message] of [
    [() => emit.samples([{ labels: { a: 1 }, value: 1 }]), 'the value of label "a" must be a string, not number: 1'],
    [() => emit.samples([{ labels: {}, value: '1' }]), "a sample's value must be a number, not string: 1"],
    [() => emit.samples([{ labels: {}, value: 1, timestamp: 5 }, { labels: {}, value: 1 }]), 'give all samples of an emission a timestamp'],
    [() => emit.lines([{ labels: { a: 'b' }, line: 5 }]), 'a line must be a string, not number: 5'],
    [() => state.setBytes('a', [300]), 'the value of key "a" must be a Uint8Array; `set` takes what JSON can say'],
    [() => state.set('a', undefined), 'the value of key "a" is nothing that JSON can say'],
    [() => plugin({ logs: { process() {} }, tick: { every: '5', tick() {} } }), 'tick.every: give seconds, not 5'],
    [() => plugin({ logs: { process() {} }, tick: { every: 5 } }), 'tick: tick(state, now, last) is missing'],
  ]) {
    assert.throws(act, (e) => e.message.startsWith(message) || assert.fail(`${e.message} for ${message}`));
  }
});
