// What is done to many rows at once is what is done to one after the other.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { plugin } from '../index.js';
import { Changes } from '../lib/edit.js';
import { configure } from '../testing.js';

let seed = 1;
const below = (n) => (seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) % 65536 % n;

const WHAT = ['ab', 'a', 'aba', '', /ab/g, /ab/, /ab+/g, /aba?/g, /a\b/g, /(?<=a)a/g, /a(?<=ba)/g, /aa(?=b)/g, /a(b|é)/gu, /ab$/g, /^ab/g, /a[^ ]*/g, /a[^]*b/g, /[ab]c/g, /😀+/gu];
const BY = ['***', '', 'ab', 'a', '[$&]', (all) => `<${all}>`];
const ALPHABETS = [['a', 'b', ' '], ['a', 'b', 'é', '😀', '\n']];

/** What a line becomes; the same where there is nothing to replace. */
const replaced = (line, what, by) => (typeof what === 'string' ? line.split(what).join(by) : line.replace(what, by));

test('lines are replaced in as if each were alone', () => {
  for (let i = 0; i < 6000; i++) {
    const letters = ALPHABETS[below(2)];
    const lines = Array.from({ length: below(9) }, () => Array.from({ length: below(8) }, () => letters[below(letters.length)]).join(''));
    const [first, second] = [WHAT[below(WHAT.length)], WHAT[below(WHAT.length)]];
    if (letters.includes('😀') && (first === '' || second === '')) continue; // it would come between the halves of a pair
    const [by, again] = [BY[below(typeof first === 'string' ? 5 : 6)], BY[below(typeof second === 'string' ? 5 : 6)]];
    const narrow = below(3);
    const expected = [...lines];
    const shown = JSON.stringify([lines, String(first), String(by), String(second), String(again), narrow]);
    const look = plugin({
      logs: {
        process(rows) {
          const some = [rows, rows.filter((row) => row.index % 3 === 1), rows.containing(typeof first === 'string' ? first : 'a')][narrow];
          for (const [from, what, to] of [[some, first, by], [rows, second, again]]) {
            const had = [...from.indexes].filter((row) => (typeof what === 'string' ? expected[row].includes(what) : replaced(expected[row], what, to) !== expected[row]));
            assert.deepEqual([...from.replace(what, to).indexes], had, shown);
            for (const row of had) expected[row] = replaced(expected[row], what, to);
            assert.deepEqual(rows.lines, expected, shown);
          }
        },
      },
    });
    assert.deepEqual(configure(look).logs(lines).map(({ line }) => line), expected, shown);
  }
});

test('of the changes of a row the last one counts, and none of a row that goes', () => {
  for (let i = 0; i < 2000; i++) {
    const count = 1 + below(9);
    const [made, plain] = [new Changes(count), new Map()];
    if (below(2)) {
      const rows = Array.from({ length: count }, (_, row) => row).filter(() => below(2));
      made.many(rows, rows.map((row) => `m${row}`));
      for (const row of rows) plain.set(row, `m${row}`);
    }
    for (let n = below(6); n; n--) {
      const row = below(count);
      made.set(row, n);
      plain.set(row, n);
    }
    for (let row = 0; row < count; row++) assert.deepEqual([made.has(row), made.get(row)], [plain.has(row), plain.get(row)]);
    assert.equal(made.size, plain.size);
    const gone = Array.from({ length: count }, (_, row) => row).filter(() => !below(4));
    for (const row of gone) plain.delete(row);
    const { rows, values } = made.finish(gone);
    assert.deepEqual([...rows].map((row, at) => [row, values[at]]), [...plain].sort(([a], [b]) => a - b));
  }
});

test('changes of labels count in the order of the work', () => {
  for (let i = 0; i < 2000; i++) {
    const plain = Array.from({ length: 1 + below(5) }, () => Object.fromEntries(['a', 'b', 'c'].filter(() => below(2)).map((name) => [name, 'xy'[below(2)]])));
    const expected = plain.map((labels) => ({ ...labels }));
    const some = [...plain.keys()].filter(() => below(3));
    const less = [...plain.keys()].filter((row) => !some.includes(row) || below(2)).slice(0, some.length);
    const work = Array.from({ length: 4 }, () => [['all', 'all', 'some', 'less', 'each'][below(5)], 'abcd'[below(4)], 'vw'[below(2)]]);
    const look = plugin({
      series: {
        labels: 'everything',
        relabel(rows) {
          const chosen = rows.filter((row) => some.includes(row.index));
          const other = rows.filter((row) => less.includes(row.index));
          for (const [which, name, value] of work) {
            const those = { all: [...plain.keys()], less }[which] ?? some;
            const values = those.map((row) => (value === 'w' ? `w${row % 2}` : value));
            if (which === 'each') [...chosen].forEach((row, at) => row.set(name, values[at]));
            else ({ all: rows, less: other }[which] ?? chosen).set(name, value === 'w' ? values : value);
            those.forEach((row, at) => (expected[row][name] = values[at]));
          }
        },
      },
    });
    assert.deepEqual(configure(look).series(plain), expected, JSON.stringify([plain, some, work]));
  }
});
