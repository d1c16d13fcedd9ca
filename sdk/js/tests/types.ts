// What the types promise, checked by tsc: `tsc -p sdk/js/tests`. A line that must not compile says so.
import * as emit from '../emit.js';
import { config, counter, gauge, log, plugin, type LogRows, type SampleRows } from '../index.js';
import { get, send, type Refusal, Refused } from '../http.js';
import * as state from '../state.js';
import { configure } from '../testing.js';
import { forget } from '../verdicts.js';

// the configuration is what the functions get
export const configured = plugin({
  config: {
    cluster: config.text(),
    limit: config.number().optional(),
    mode: config.oneOf('fast', 'safe').default('fast'),
    rules: config.list(config.object({ modulus: config.integer(), pattern: config.pattern() })),
    teams: config.table(config.text()),
  },
  series: {
    labels: ({ cluster }) => [cluster],
    relabel(rows, { cluster, limit, mode, rules, teams }) {
      const a: string = cluster;
      const b: number | undefined = limit;
      const c: 'fast' | 'safe' = mode;
      const d: RegExp | undefined = rules[0]?.pattern;
      const e: Record<string, string> = teams;
      // @ts-expect-error limit may be missing
      limit.toFixed();
      rows.where('x', d ?? a).set('y', [a, c, String(b), ...Object.keys(e)]);
      // @ts-expect-error a label's value is a string
      rows.set('x', 5);
      // @ts-expect-error label sets have no value
      rows.below(5);
    },
  },
});

// where there is a setup, its state is
export const prepared = plugin({
  config: { drop: config.list(config.text()) },
  setup: ({ drop }) => ({ drop: new Set(drop), seen: 0 }),
  logs: {
    metadata: ['trace'],
    process(rows: LogRows, state) {
      state.seen += rows.length;
      const traced: LogRows = rows.whereMetadata('trace', state.drop);
      for (const row of traced.and(rows.containing('x'))) {
        const time: bigint = row.timestamp;
        row.setTimestamp(time + 1n);
        row.line = row.line.trim();
      }
      rows.replace(/a(.)/g, (_, x: string) => x);
      // @ts-expect-error a text is replaced by a text
      rows.replace('a', (x: string) => x);
    },
  },
  tick: {
    every: ({ drop }) => drop.size + 1,
    tick({ seen }, now, last) {
      const sent: boolean = emit.samples([{ labels: { __name__: 'seen' }, value: seen, timestamp: now }]);
      if (last && sent) state.set('seen', seen);
      const before: number = state.get('seen', 0);
      // @ts-expect-error nobody knows of what type it is
      const wrong: number = state.get('seen');
      log.info(before + wrong);
    },
  },
});

// without a configuration there is none
export const bare = plugin({
  samples: {
    timestamps: true,
    process(rows: SampleRows) {
      rows.floats.above(1).setValues((value) => value / 2);
      counter('rows', { kind: 'all' }, rows.length);
      gauge('newest', Number([...rows].at(-1)?.timestamp ?? 0n));
      // @ts-expect-error a histogram has no value
      for (const row of rows) row.value.toFixed();
    },
  },
});

plugin({
  logs: {
    process() {},
    // @ts-expect-error logs have no such column
    startTimestamps: true,
  },
});

// requests, and why there is no answer
export function asked(): string | undefined {
  try {
    const answer = get('https://a', { headers: { accept: 'text/csv' }, timeout: 2 });
    const again = send('PUT', 'https://a', { body: answer.body, headers: [['a', 'b']] });
    if (again.status !== answer.status) forget();
    // @ts-expect-error a body is bytes or text
    send('PUT', 'https://a', { body: 5 });
    // @ts-expect-error a GET has no body
    get('https://a', { body: 'b' });
    return again.headers['etag'];
  } catch (thrown) {
    const kind: Refusal | undefined = thrown instanceof Refused ? thrown.kind : undefined;
    // @ts-expect-error there is no such reason
    return kind === 'late' ? kind : kind;
  }
}

const answers = { 'https://a': { status: 404, body: 'b' }, 'https://b': new Refused('timeout') };
const made = configure(prepared, { drop: [] }, {}, answers);
export const told: [number, string | undefined] = [made.forgotten, made.requests[0]?.url];
export const seen: number = made.state.seen;
