// Plugins that ask: http, verdicts.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { Refused, get, post, send } from '../http.js';
import { log, plugin } from '../index.js';
import { configure } from '../testing.js';
import * as verdicts from '../verdicts.js';

const URL = 'https://api.example.com/teams';

const teams = plugin({
  setup: () => ({ teams: get(URL, { headers: { accept: 'application/json' }, timeout: 2 }).json() }),
  series: {
    labels: ['job'],
    relabel(rows, { teams }) {
      for (const [job, team] of Object.entries(teams)) rows.where('job', job).set('team', team);
    },
  },
  tick: {
    every: 60,
    tick(state) {
      try {
        const answer = send('POST', URL, { headers: [['a', '1'], ['a', '2']], body: 'é' });
        if (!answer.ok || answer.text() === JSON.stringify(state.teams)) return;
        state.teams = answer.json();
        verdicts.forget();
      } catch (thrown) {
        if (!(thrown instanceof Refused)) throw thrown;
        log.warn(`${thrown.kind}: ${thrown.message}`);
      }
    },
  },
});

test('a table that is fetched, and fetched anew', () => {
  const made = configure(teams, {}, {}, { [URL]: { body: '{"api":"ä"}' } });
  const empty = new Uint8Array(0);
  assert.deepEqual(made.requests, [{ method: 'GET', url: URL, headers: [{ name: 'accept', value: 'application/json' }], body: empty, timeout: 2000 }]);
  assert.deepEqual(made.series([{ job: 'api' }]), [{ job: 'api', team: 'ä' }]);
  made.tick();
  const headers = [{ name: 'a', value: '1' }, { name: 'a', value: '2' }];
  assert.deepEqual(made.requests[1], { method: 'POST', url: URL, headers, body: new Uint8Array([0xc3, 0xa9]), timeout: undefined });
  made.answers[URL] = { status: 503, body: 'not now' };
  made.tick();
  assert.equal(made.forgotten, 0);
  made.answers[URL] = { body: '{"api":"b"}' };
  made.tick();
  assert.equal(made.forgotten, 1);
  assert.deepEqual(made.series([{ job: 'api' }]), [{ job: 'api', team: 'b' }]);
  made.answers[URL] = new Refused('timeout', 'no answer in 5 s');
  made.tick();
  delete made.answers[URL];
  made.tick();
  assert.deepEqual(
    made.messages.map(({ message }) => message),
    ['timeout: no answer in 5 s', 'not-granted: requests to api.example.com are not granted'],
  );
});

test('an answer', () => {
  const made = configure(teams, {}, {}, { [URL]: { body: '{}' } });
  made.answers[URL] = { status: 404, headers: [['content-type', 'text/plain'], ['x', '1'], ['x', '2']], body: new Uint8Array([0xff]) };
  const answer = get(URL);
  assert.deepEqual([answer.ok, answer.status, answer.headers['y']], [false, 404, undefined]);
  assert.deepEqual(answer.headers, { 'content-type': 'text/plain', x: '2' });
  assert.throws(() => answer.text(), { message: 'the body is not UTF-8' });
  const long = 'é世😀'.repeat(3000);
  made.answers[URL] = { body: long };
  assert.equal(post(URL, long).text(), long);
  const seconds = (timeout) => (get(URL, { timeout }), made.requests.at(-1).timeout);
  assert.deepEqual([undefined, 2, 0.25, 0.0001].map(seconds), [undefined, 2000, 250, 1]);
});

test('what an author gets wrong is answered with what to do', () => {
  for (const [act, message] of [
    [() => get(5), 'the URL must be a string, not number: 5'],
    [() => send(undefined, URL), 'the method must be a string, not undefined: undefined'],
    [() => get(URL, { headers: { a: 1 } }), 'the value of header "a" must be a string, not number: 1'],
    [() => get(URL, { headers: 'a' }), 'headers are an object, or pairs of name and value'],
    [() => post(URL, [300]), 'the body must be a string or a Uint8Array'],
    [() => get(URL, { timeout: 0 }), 'the time-out: give seconds, not 0'],
    [() => get(`${URL}\ud800`), 'the URL: half of a surrogate pair is no text'],
  ]) {
    assert.throws(act, (e) => e.message.startsWith(message) || assert.fail(`${e.message} for ${message}`));
  }
});
