/**
 * Writes plugins for weir in JavaScript and TypeScript.
 *
 * ```ts
 * import { config, plugin } from '#weir';
 *
 * export default plugin({
 *   config: { cluster: config.text() },
 *   series: {
 *     labels: ['__name__'],
 *     relabel(rows, { cluster }) {
 *       rows.where('__name__', 'container_tasks_state').drop();
 *       rows.set('cluster', cluster);
 *     },
 *   },
 * });
 * ```
 *
 * What is not touched goes on as it is. Speed: a turn of a loop is dear in a component, a search of a whole column is not. Ask for
 * little (`labels`), select with `where`, `containing`, `below`, and change what was selected at once; loop over what is left. Decide
 * in `series` what depends on labels alone: weir keeps the answer.
 */

/** Which labels a plugin reads; a function of its state may say so. What is not asked for never crosses into the plugin. */
export type Wanted<State> = readonly string[] | 'everything' | ((state: State) => readonly string[] | 'everything');

/** What a label's value is asked; an absent label is the empty text. */
export type Test =
  | string
  | RegExp
  | readonly string[]
  | ReadonlySet<string>
  | ReadonlyMap<string, unknown>
  | ((value: string) => boolean);

/** One row. Labels are read as they came, whatever was changed since. */
export interface Row {
  /** The row's place in the batch. */
  readonly index: number;
  /** The labels that the plugin asked for, by ascending name. */
  readonly labels: Record<string, string>;
  /** The value of a label, if the row has it and the plugin asked for it. */
  label(name: string): string | undefined;
  /** Drops the row. Other changes to it then mean nothing. */
  drop(): void;
  /** Sets a label, in place of one of that name. An empty value removes it. */
  set(name: string, value: string): void;
  /** Removes a label, if the row has it (asked for or not). */
  remove(name: string): void;
}

/**
 * Rows of a batch, in order: all of them, or those that something was found of. Go through them with `for … of`, or do one thing
 * to all at once, which is many times faster.
 */
export interface SomeRows<R extends Row, Self> extends Iterable<R> {
  /** How many there are. */
  readonly length: number;
  /** Their places in the batch, ascending. */
  readonly indexes: ArrayLike<number> & Iterable<number>;
  /** What a function makes of each row. */
  map<T>(act: (row: R) => T): T[];
  /** The rows that pass a test, one by one. `where` and its like are many times faster. */
  filter(test: (row: R) => boolean): Self;
  /** The rows whose label passes a test. Each distinct value is looked at once. */
  where(name: string, test: Test): Self;
  /** The rows that are in both selections of a batch. */
  and(other: Self): Self;
  /** The rows that are in either selection of a batch. */
  or(other: Self): Self;
  /** The rows that are not in the other selection of a batch. */
  without(other: Self): Self;
  /** One label of each row. */
  labels(name: string): (string | undefined)[];
  /** Drops the rows. Other changes to them then mean nothing. */
  drop(): void;
  /** Sets a label of all rows: to one value, or to one for each of them. An empty value removes it. */
  set(name: string, value: string | Iterable<string>): void;
  /** Removes a label from all rows that have it (asked for or not). */
  remove(name: string): void;
}

/** One label set: that of a series, or of a log stream, which has no `__name__`. */
export type SeriesRow = Row;

/** Label sets. weir asks once for each and keeps the answer, which must depend on labels and configuration alone. */
export interface SeriesRows extends SomeRows<SeriesRow, SeriesRows> {}

/** What a sample is: a number; a native histogram, which has no single value; a pusher's mark that the series has ended. */
export type Kind = 'float' | 'histogram' | 'stale';

/** One sample. Its value is read as it is by now; labels as they came. */
export interface SampleRow extends Row {
  readonly kind: Kind;
  /** The value of a float; undefined for any other kind. */
  readonly value: number | undefined;
  /** When it was taken, in milliseconds since the epoch; 0n unless the plugin asked for timestamps. */
  readonly timestamp: bigint;
  /** When its counter began, in milliseconds since the epoch; 0n where it is not known or not asked for. */
  readonly startTimestamp: bigint;
  /** Gives a float another value; does nothing to other kinds, which have none. */
  setValue(value: number): void;
}

/** Samples. Values are read as they are by now; labels as they came. */
export interface SampleRows extends SomeRows<SampleRow, SampleRows> {
  /** Those that have a value. */
  readonly floats: SampleRows;
  /** The values. What is no float has one that means nothing: ask `floats` for theirs. */
  readonly values: number[];
  /** The floats with a smaller value. */
  below(limit: number): SampleRows;
  /** The floats with a greater value. */
  above(limit: number): SampleRows;
  /** Gives every float another value: one for each row, or what a function makes of its value. */
  setValues(values: Iterable<number> | ((value: number) => number)): void;
}

/** One line. Its text is read as it is by now; labels, metadata and time as they came. */
export interface LogRow extends Row {
  /** The text; empty unless the plugin asked for lines. Assigning gives the line another one. */
  line: string;
  /** When it was read, in nanoseconds since the epoch; 0n unless the plugin asked for timestamps. */
  readonly timestamp: bigint;
  /** The structured metadata that the plugin asked for, by ascending name. */
  readonly metadata: Record<string, string>;
  /** One label of the structured metadata, if the line has it and the plugin asked for it. */
  metadataValue(name: string): string | undefined;
  /** Gives the line another text. */
  setLine(line: string): void;
  /** Gives the line another time, in nanoseconds since the epoch. */
  setTimestamp(nanoseconds: bigint | number): void;
  /** Sets a label of the structured metadata, in place of one of that name. An empty value removes it. */
  setMetadata(name: string, value: string): void;
  /** Removes a label of the structured metadata, if the line has it (asked for or not). */
  removeMetadata(name: string): void;
}

/** Lines. Their text is read as it is by now; labels, metadata and times as they came. */
export interface LogRows extends SomeRows<LogRow, LogRows> {
  /** The text of the lines. */
  readonly lines: string[];
  /** When the lines were read, in nanoseconds since the epoch; 0n unless the plugin asked for timestamps. */
  readonly timestamps: bigint[];
  /** The lines whose structured metadata passes a test. Each distinct value is looked at once. */
  whereMetadata(name: string, test: Test): LogRows;
  /** The lines that hold a text: one search over all of them. */
  containing(text: string): LogRows;
  /** The lines in which a pattern is found. `containing` is many times faster: narrow down with it first. */
  matching(pattern: RegExp): LogRows;
  /** Replaces a text wherever it stands, or what matches a pattern as `String.replace` does; gives the lines that changed. */
  replace(what: string, by: string): LogRows;
  replace(what: RegExp, by: string | ((...match: any[]) => string)): LogRows;
  /** Gives every line another text: one for each, or what a function makes of it. */
  setLines(lines: Iterable<string> | ((line: string) => string)): void;
  /** Gives every line another time. */
  setTimestamps(nanoseconds: Iterable<bigint | number>): void;
  /** Sets a label of all lines' structured metadata: to one value, or to one for each. An empty value removes it. */
  setMetadata(name: string, value: string | Iterable<string>): void;
  /** Removes a label of the structured metadata from all lines that have it (asked for or not). */
  removeMetadata(name: string): void;
}

/** Reads one value of a configuration. */
export interface Shape<T> {
  /** The key may be missing. */
  optional(): Shape<T | undefined>;
  /** The key may be missing, and is this then. */
  default(value: T): Shape<T>;
  /** Never there: it only carries the type. */
  readonly __type?: T;
}

/** What a shape, or an object of shapes, reads. */
export type Read<C> = C extends Shape<infer T> ? T : { [K in keyof C]: Read<C[K]> };

export namespace config {
  function text(): Shape<string>;
  function number(): Shape<number>;
  /** A number without a fraction. */
  function integer(): Shape<number>;
  function boolean(): Shape<boolean>;
  /** Anything at all. */
  function any(): Shape<unknown>;
  /** One of these values. */
  function oneOf<const T extends readonly (string | number | boolean)[]>(...known: T): Shape<T[number]>;
  /** A regular expression, compiled. */
  function pattern(flags?: string): Shape<RegExp>;
  function list<T>(of: Shape<T>): Shape<T[]>;
  /** A table with keys of the operator's choice. */
  function table<T>(of: Shape<T>): Shape<Record<string, T>>;
  /** A table with these keys and no others. */
  function object<const F extends Record<string, Shape<any>>>(fields: F): Shape<Read<F>>;
}

/** Throw it in `setup` to say what is wrong with a configuration: the operator reads the message alone. */
export class ConfigError extends Error {}

/** Throw it to make a call fail with a message and nothing else: no stack in the log, no place in the error. */
export class Failure extends Error {}

/** What a plugin looks at: at least one of `series`, `samples` and `logs`. */
export interface Looks<State> {
  /** Decides by labels alone, once for each series or log stream. */
  series?: {
    labels?: Wanted<State>;
    relabel(rows: SeriesRows, state: State): void;
  };
  /** Looks at every batch of samples. Values are always there. */
  samples?: {
    labels?: Wanted<State>;
    timestamps?: boolean;
    startTimestamps?: boolean;
    process(rows: SampleRows, state: State): void;
  };
  /** Looks at every batch of log lines; `lines` is true unless it says otherwise. */
  logs?: {
    labels?: Wanted<State>;
    metadata?: Wanted<State>;
    timestamps?: boolean;
    lines?: boolean;
    process(rows: LogRows, state: State): void;
  };
  /**
   * Called about every so many seconds, at least 1, with the milliseconds since the epoch; and once more with `last` before no call
   * comes any more. A plugin that has this has one instance in each pipeline, so what it holds is all there is.
   */
  tick?: {
    every: number | ((state: State) => number);
    tick(state: State, now: number, last: boolean): void;
  };
}

/** The shapes of a configuration's keys. */
export type Shapes = Record<string, Shape<any>>;

/** A plugin that was defined. */
export interface Plugin<State> extends Looks<State> {
  config?: Shapes;
  setup?: (config: any) => State;
}

/**
 * Defines a plugin: `export default plugin({ … })` in src/plugin.js or src/plugin.ts.
 *
 * `config` is what the operator may configure; any other key is an error, and without it any key is. `setup` makes the state that
 * the functions of the plugin get; without it they get the configuration. What it throws keeps the plugin from being used, and is
 * shown to the operator.
 */
export function plugin<C extends Shapes, State>(
  definition: { config: C; setup: (config: Read<C>) => State } & Looks<NoInfer<State>>,
): Plugin<State>;
export function plugin<C extends Shapes>(definition: { config: C; setup?: undefined } & Looks<NoInfer<Read<C>>>): Plugin<Read<C>>;
export function plugin<State>(
  definition: { config?: undefined; setup: () => State } & Looks<NoInfer<State>>,
): Plugin<State>;
export function plugin(definition: { config?: undefined; setup?: undefined } & Looks<{}>): Plugin<{}>;

/** weir's log; `console` leads here too. weir adds the plugin's name, cuts and thins out floods. */
export const log: {
  /** Something is lost or broken. */
  error(message: unknown): void;
  /** Something is degraded. */
  warn(message: unknown): void;
  /** Something that an operator wants to know. */
  info(message: unknown): void;
  /** Something for the plugin's author. */
  debug(message: unknown): void;
};

/** Adds to `weir_plugin_custom_<name>_total` on weir's `/metrics`. What is negative or not finite is ignored. */
export function counter(name: string, labels?: Record<string, string>, add?: number): void;

/** Sets `weir_plugin_custom_<name>` on weir's `/metrics`. */
export function gauge(name: string, value: number, labels?: Record<string, string>): void;
