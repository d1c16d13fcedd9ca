/**
 * weir's part, for tests of a plugin with `node --test`: batches out of readable values, answers checked against the contract and
 * applied, and what the plugin logged and counted. `weir plugin test` runs fixtures through weir itself.
 */
import type { Line as EmittedLine, Sample as EmittedSample } from './emit.js';
import type { Refused } from './http.js';
import type { Kind, Plugin } from './index.js';

export type LabelSet = Record<string, string>;

export interface Sample {
  labels: LabelSet;
  value?: number;
  kind?: Kind;
  timestamp?: bigint | number;
  startTimestamp?: bigint | number;
}

export interface Line {
  line: string;
  labels?: LabelSet;
  metadata?: LabelSet;
  timestamp?: bigint;
}

/** What a server answers. */
export interface Answer {
  /** 200 where it is not given. */
  status?: number;
  /** Names and values; pairs, where a name comes more than once. */
  headers?: Record<string, string> | Iterable<readonly [string, string]>;
  body?: string | Uint8Array;
}

/** What a plugin asked a server for. */
export interface Asked {
  method: string;
  url: string;
  headers: { name: string; value: string }[];
  body: Uint8Array;
  /** Milliseconds. */
  timeout?: number;
}

/** A plugin that was configured. */
export interface Configured<State> {
  readonly state: State;
  /** What it logged. */
  readonly messages: { level: string; message: string }[];
  /** Its own metrics, by name and labels: `dropped{kind="series"}`. */
  readonly metrics: Record<string, number>;
  /** What it emitted: samples and lines. */
  readonly emitted: (EmittedSample | EmittedLine)[];
  /** What it keeps in weir; give it to `configure` for what comes after a reload. */
  readonly kept: Record<string, Uint8Array>;
  /** What comes of its requests, by URL; to be changed while the plugin runs. */
  readonly answers: Record<string, Answer | Refused>;
  /** What it asked for, in order. */
  readonly requests: Asked[];
  /** How often it called `forget` of `#weir/verdicts`. */
  readonly forgotten: number;
  /** Some time has passed. */
  tick(now?: number, last?: boolean): void;
  /** What becomes of label sets; null for one that is dropped. */
  series(sets: Iterable<LabelSet>): (LabelSet | null)[];
  /** What becomes of samples; null for one that is dropped. */
  samples(samples: Iterable<Sample>): (Required<Pick<Sample, 'labels' | 'value' | 'kind'>> & Sample | null)[];
  /** What becomes of log lines; null for one that is dropped. */
  logs(lines: Iterable<Line | string>): (Required<Pick<Line, 'line' | 'labels' | 'metadata'>> & Line | null)[];
}

/**
 * Makes a plugin of its configuration as weir does; `kept` is what one before it left in weir, `answers` what comes of requests, by URL.
 * Hosts of which no URL is answered are not granted.
 */
export function configure<State>(
  plugin: Plugin<State>,
  config?: Record<string, unknown>,
  kept?: Record<string, Uint8Array>,
  answers?: Record<string, Answer | Refused>,
): Configured<State>;
