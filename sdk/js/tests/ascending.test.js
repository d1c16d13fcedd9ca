// Lists of rows combine as sets of rows do.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { above, allBut, both, either, iota, minus } from '../lib/ascending.js';

let seed = 1;
const below = (n) => (seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) % 65536 % n;

test('what lists have in common, and what not', () => {
  for (let i = 0; i < 3000; i++) {
    const count = below(12);
    const all = Array.from({ length: count }, (_, row) => row);
    const [a, b] = [below(4), below(4)].map((odds) => all.filter(() => below(4) < odds));
    assert.deepEqual([...iota(count)], all);
    assert.deepEqual([...allBut(count, a)], all.filter((row) => !a.includes(row)));
    assert.deepEqual(minus(a, b), a.filter((row) => !b.includes(row)));
    assert.deepEqual(both(a, b), a.filter((row) => b.includes(row)));
    assert.deepEqual(either(a, b), all.filter((row) => a.includes(row) || b.includes(row)));
    const low = below(a.length + 1);
    const at = below(13);
    const found = a.findIndex((end, place) => place >= low && end > at);
    assert.equal(above(a, at, low), found < 0 ? a.length : found, JSON.stringify([a, at, low]));
  }
});
