// A failure says where it was; what leaves a component's exports is a string, whatever was thrown.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { ConfigError, Failure, plugin } from '../index.js';
import { component } from '../lib/component.js';
import { Unconnected } from '../lib/host.js';
import { table } from '../lib/columns.js';

const place = (file) => (file.endsWith('failure.test.js') ? 'src/plugin.js' : undefined);
const none = new Uint8Array(0);

/** What a call of a plugin throws, and what is logged. */
function failing(act, configure = () => ({})) {
  const { console, Date, performance } = globalThis;
  try {
    const weir = new Unconnected();
    const { lifecycle, series } = component(plugin({ setup: configure, series: { relabel: act } }), weir, place);
    const thrown = [];
    try {
      lifecycle.configure('{}');
      series.relabel(1, table(['a']), { pairs: none, ends: new Uint8Array(4) });
    } catch (error) {
      thrown.push(error);
    }
    assert.equal(thrown.length, 1, 'it throws');
    assert.equal(typeof thrown[0], 'string');
    return { line: thrown[0], logged: weir.messages.map(({ message }) => message) };
  } finally {
    Object.defineProperty(globalThis, 'performance', { value: performance, configurable: true, writable: true });
    Object.assign(globalThis, { console, Date });
  }
}

test('an error has its place, and the log has the stack', () => {
  const { line, logged } = failing(function relabel() {
    JSON.parse('nope');
  });
  assert.match(line, /^SyntaxError: .* \(src\/plugin\.js:\d+:\d+, in .*relabel\)$/);
  assert.match(logged[0], /^SyntaxError: .*\n {4}at .*relabel \(src\/plugin\.js:\d+:\d+\)/);
  assert.doesNotMatch(logged[0], /component\.js/);
});

test('a cause is shown', () => {
  const { logged } = failing(() => {
    throw new Error('outer', { cause: new RangeError('inner') });
  });
  assert.match(logged[0], /^Error: outer\n(.*\n)+caused by: RangeError: inner/);
});

test('what is no error is told as well', () => {
  for (const [thrown, line] of [
    ['a string', 'a string'],
    [{ code: 5 }, '{"code":5} was thrown: throw an Error, which knows its place'],
    [undefined, 'undefined was thrown: throw an Error, which knows its place'],
    [null, 'null was thrown: throw an Error, which knows its place'],
    [Symbol('s'), 'Symbol(s) was thrown: throw an Error, which knows its place'],
    [5n, '5 was thrown: throw an Error, which knows its place'],
  ]) {
    assert.equal(failing(() => { throw thrown; }).line, line);
  }
});

test('a failure of the author’s choice is its message', () => {
  const act = () => {
    throw new Failure('the table is not there yet');
  };
  assert.deepEqual(failing(act), { line: 'the table is not there yet', logged: [] });
});

test('an answer is no answer', () => {
  assert.match(failing(() => [1]).line, /series\.relabel returned something: change the rows/);
  assert.match(failing(async () => {}).line, /series\.relabel is async: weir wants the answer at once/);
});

test('the operator reads what is wrong with the configuration', () => {
  const bad = failing(() => {}, () => {
    throw new ConfigError('config.cluster: needs a name');
  });
  assert.deepEqual(bad, { line: 'config.cluster: needs a name', logged: [] });
});

test('there is no clock, and it says so', () => {
  assert.match(failing(() => void Date.now()).line, /^Error: Date\.now\(\): a plugin has no clock/);
  assert.match(failing(() => void new Date()).line, /^Error: new Date\(\): a plugin has no clock/);
  assert.equal(failing(() => { throw new Date(0).toISOString(); }).line, '1970-01-01T00:00:00.000Z');
});
