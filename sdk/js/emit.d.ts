/**
 * New samples and lines of a plugin's own: `import * as emit from '#weir/emit'`.
 *
 * What a call has emitted counts only if the call succeeds. It comes from the source `plugin.NAME` and passes the plugins behind
 * this one. Where several instances would emit one series, give the plugin a `tick`: it has one instance then.
 */

export interface Sample {
  /** The series' labels, `__name__` among them. */
  labels: Record<string, string>;
  value: number;
  /** Milliseconds since the epoch, of all samples of an emission or of none; without it, now. */
  timestamp?: bigint | number;
  /** When its counter began, in milliseconds since the epoch. */
  startTimestamp?: bigint | number;
}

export interface Line {
  /** The stream's labels, at least one. */
  labels: Record<string, string>;
  line: string;
  /** Structured metadata. */
  metadata?: Record<string, string>;
  /** Nanoseconds since the epoch, of all lines of an emission or of none; without it, now. */
  timestamp?: bigint | number;
}

/** Nothing of an emission was taken, for a reason that is the author's to mend. */
export class Refused extends Error {}

/** Emits samples: all of them; none, where it gives false, since the plugin has emitted as much as it may by now. */
export function samples(samples: Iterable<Sample>): boolean;

/** Emits lines: all of them; none, where it gives false, since the plugin has emitted as much as it may by now. */
export function lines(lines: Iterable<Line>): boolean;
