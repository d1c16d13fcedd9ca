// Requests, with the testing module in weir's place.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import * as http from '../http.js';
import { plugin } from '../index.js';
import { configure } from '../testing.js';

const teams = plugin({
  setup: () => http.get('http://teams.example/csv', { headers: { accept: 'text/csv' } }).text().split(','),
  series: { labels: ['team'], relabel(rows, known) { rows.where('team', (team) => !known.includes(team)).drop(); } },
});

test('an answer is the test’s to give', () => {
  const made = configure(teams, {}, {}, { 'http://teams.example/csv': { body: 'red,blü' } });
  assert.deepEqual(made.state, ['red', 'blü']);
  assert.deepEqual(made.requests[0].headers, [{ name: 'accept', value: 'text/csv' }]);
});

test('a host without an answer is not granted', () => {
  assert.throws(() => configure(teams), (error) => error instanceof http.Refused && error.kind === 'not-granted');
});

test('a body is bytes or text', () => {
  configure(plugin({ setup: () => 1, series: { relabel() {} } }), {}, {}, { 'http://x/': { status: 404, headers: { 'x-id': '7' }, body: '{"a":1}' } });
  const answer = http.post('http://x/', 'é', { timeout: 1.5 });
  assert.deepEqual([answer.ok, answer.json(), answer.headers['x-id']], [false, { a: 1 }, '7']);
  assert.throws(() => http.post('http://x/', 1), TypeError);
});
