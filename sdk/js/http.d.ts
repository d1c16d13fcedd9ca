/**
 * HTTP requests, made by weir to the hosts that the operator has granted: `import { get, send } from '#weir/http'`.
 *
 * A plugin that imports this runs only where its configuration has the grant: `grant = [{ kind = "http", hosts = ["api.example.com"] }]`.
 * Ask for it in the manifest, too, and say why.
 *
 * A call waits for its answers, and whoever it serves waits for the call: ask in `setup` and `tick` rather than for each batch, and keep
 * what came. The requests of one call share the time that the operator allows (`limits.http_timeout`), those of all instances their
 * number (`limits.http_requests`).
 */

export interface Options {
  /**
   * Beside those that weir sets itself (`host`, `content-length` and what else belongs to the connection); pairs, where a name comes
   * more than once.
   */
  headers?: Record<string, string> | Iterable<readonly [string, string]>;
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
  /** As it came. */
  readonly body: Uint8Array;
  /** The body as text, which is UTF-8. */
  text(): string;
  /** What the body says in JSON. */
  json(): any;
}

/**
 * Why there is no answer:
 * - `malformed`: no request can be made of this;
 * - `not-granted`: the host is not among those that are granted;
 * - `too-large`: the request or the answer is larger than it may be;
 * - `over-budget`: more requests than the plugin may make now;
 * - `timeout`: no whole answer came in time;
 * - `failed`: the name does not resolve, nothing listens there, TLS failed, or what came back was cut off or no HTTP;
 * - `not-now`: there are no requests while weir asks what the plugin wants.
 */
export type Refusal = 'malformed' | 'not-granted' | 'too-large' | 'over-budget' | 'timeout' | 'failed' | 'not-now';

/** There is no answer; weir logs and counts it as well. */
export class Refused extends Error {
  constructor(kind: Refusal, what?: string);
  readonly kind: Refusal;
  /** weir's words: what is wrong, or the host (`name:port`) that is not granted. */
  readonly what: string;
}

/** Makes a request and waits for the whole answer, at once: there is no promise. Throws `Refused` where there is no answer. */
export function send(method: string, url: string, options?: Options & { body?: string | Uint8Array }): Response;

/** A `GET`; see `send`. */
export function get(url: string, options?: Options): Response;

/** A `POST` of a body; see `send`. */
export function post(url: string, body: string | Uint8Array, options?: Options): Response;
