// What is quicker said in JavaScript than in a fixture: `node --test`.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { configure } from '#weir/testing';
import teams from '../src/plugin.js';

test('each team is counted', () => {
  const made = configure(teams, { teams: { a: 'one', 'b*': 'one', c: 'two' } });
  made.series(['a', 'b1', 'b2', 'c', 'd'].map((namespace) => ({ namespace })));
  assert.deepEqual(made.metrics, { 'owned{team="one"}': 3, 'owned{team="two"}': 1 });
});
