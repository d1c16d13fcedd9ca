// Replacing in the text of all lines at once does what replacing in line after line does.
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
