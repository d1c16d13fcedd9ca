/**
 * HTTP requests, made by weir to the hosts that the operator has granted: `import * as http from '#weir/http'`. The plugin runs only
 * with `grant = [{ kind = "http", hosts = ["api.example.com"] }]`.
 *
 * A call waits for its answers, and whoever it serves waits for the call: ask in `setup` and in a tick, and keep what came.
 */

export interface Options {
  headers?: Record<string, string>;
  /** Seconds to wait for the whole answer; never longer than the call may, which is the default. */
  timeout?: number;
}

/** An answer, whatever its status. A redirect is one as well: weir follows none. */
export interface Response {
  readonly status: number;
  /** Whether the status is one of 200 to 299. */
  readonly ok: boolean;
  /** By names in lower case; of one that comes more than once the last. */
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
  text(): string;
  json(): unknown;
}

/** There is no answer. */
export class Refused extends Error {
  readonly reason: 'malformed' | 'not-granted' | 'too-large' | 'over-budget' | 'timeout' | 'failed' | 'not-now';
}

/** Makes a request and waits for the whole answer, at once: there is no promise. Throws `Refused`. */
export function send(method: string, url: string, options?: Options & { body?: string | Uint8Array }): Response;
export function get(url: string, options?: Options): Response;
export function post(url: string, body: string | Uint8Array, options?: Options): Response;
