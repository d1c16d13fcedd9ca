// Searches over whole columns give what plain loops over rows give.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { Sets, Strings, packed, table, u32s } from '../lib/columns.js';

let seed = 1;
const below = (n) => (seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) % 65536 % n;
const some = (n, make) => Array.from({ length: n }, make);

const ALPHABETS = [['a', 'b'], ['a', 'b', '=', 'é'], ['a', 'b', 'é', '世', '😀']];
const NEEDLES = ['a', 'ab', 'aba', 'abab', 'aa', 'aaa', 'é', 'éé', '世a', 'a😀', 'bb', ''];

test('strings are found where they are', () => {
  for (let i = 0; i < 3000; i++) {
    const letters = ALPHABETS[below(3)];
    const plain = some(below(9), () => some(below(7), () => letters[below(letters.length)]).join(''));
    const made = table(plain);
    assert.deepEqual([...u32s(made.ends)], plain.map((_, i) => Buffer.byteLength(plain.slice(0, i + 1).join(''))));
    const strings = new Strings(made);
    assert.deepEqual(plain.map((_, i) => strings.at(i)), plain);
    for (const needle of NEEDLES) {
      assert.deepEqual(strings.containing(needle), [...plain.keys()].filter((i) => plain[i].includes(needle)), JSON.stringify([plain, needle]));
      assert.equal(strings.index(needle), plain.indexOf(needle), JSON.stringify([plain, needle]));
    }
    assert.deepEqual(strings.all(), plain);
  }
});

test('half of a surrogate pair is no text', () => {
  assert.throws(() => table(['a', 'b\ud800']), /half of a surrogate pair is no text: "b\\ud800"/);
});

test('a column that is not aligned is copied', () => {
  const bytes = new Uint8Array(9);
  bytes.set([1, 0, 0, 0, 255, 255, 255, 255], 1);
  assert.deepEqual([...u32s(bytes.subarray(1))], [1, 0xffffffff]);
});

test('labels are found where they are', () => {
  for (let i = 0; i < 1500; i++) {
    const plain = some(1 + below(5), () =>
      Object.fromEntries(['a', 'b', 'c'].map((n) => [n, ['', 'x', 'xy', 'a', 'é'][below(5)]]).filter(([, v]) => v)),
    );
    const words = [];
    const index = (w) => (words.includes(w) ? words.indexOf(w) : words.push(w) - 1);
    const pairs = [];
    const ends = plain.map((labels) => {
      for (const n of Object.keys(labels)) pairs.push(index(n), index(labels[n]));
      return pairs.length / 2;
    });
    const ofRow = i % 2 ? [] : some(1 + below(8), () => below(plain.length));
    const rows = ofRow.length ? ofRow.map((i) => plain[i]) : plain;
    const column = (l) => packed(Uint32Array.from(l));
    const sets = new Sets(rows.length, new Strings(table(words)), { pairs: column(pairs), ends: column(ends) }, column(ofRow));
    const want = (passes) => [...rows.keys()].filter((r) => passes(rows[r]));
    for (const name of ['a', 'b', 'c', 'd']) {
      assert.deepEqual(rows.map((_, r) => sets.label(r, name)), rows.map((l) => l[name]));
      for (const value of ['x', 'a', 'é', 'none']) assert.deepEqual(sets.having(name, value), want((l) => l[name] === value));
      for (const passes of [(v) => v.includes('x'), (v) => v === '', (v) => ['x', ''].includes(v)]) {
        assert.deepEqual(sets.passing(name, passes), want((l) => passes(l[name] ?? '')));
      }
    }
    assert.deepEqual(rows.map((_, r) => sets.labels(r)), rows);
  }
});

test('a batch without sets has no labels, and one without rows may have sets', () => {
  const none = new Uint8Array(0);
  const bare = new Sets(3, new Strings({ text: '', ends: none }), { pairs: none, ends: none }, none);
  assert.equal(bare.label(2, 'a'), undefined);
  assert.deepEqual(bare.labels(2), {});
  assert.deepEqual(bare.having('a', 'x'), []);
  assert.deepEqual(bare.passing('a', (v) => v === ''), [0, 1, 2]);
  const column = (...l) => packed(Uint32Array.from(l));
  const empty = new Sets(0, new Strings(table(['a', 'x'])), { pairs: column(0, 1), ends: column(1) }, none);
  assert.deepEqual(empty.having('a', 'x'), []);
  assert.deepEqual(empty.passing('a', () => true), []);
});
