// HTTP requests, made by weir. What there is, with its meaning: http.d.ts.
import { connected } from './lib/host.js';
import { uses } from './lib/uses.js';
import { decoded, encoded, pairs, whole } from './lib/wire.js';

uses.add('http');

const TOLD = {
  malformed: (what) => `the request makes no sense: ${what}`,
  'not-granted': (host) => `requests to ${host} are not granted`,
  'too-large': String,
  'over-budget': () => 'more requests than the plugin may make now',
  timeout: String,
  failed: String,
  'not-now': () => 'there are no requests while weir asks what the plugin wants',
};

/** There is no answer. */
export class Refused extends Error {
  name = 'Refused';

  constructor(kind, what = '') {
    super(TOLD[kind](what));
    this.kind = kind;
    this.what = what;
  }
}

class Response {
  constructor({ status, headers, body }) {
    this.status = status;
    this.headers = Object.fromEntries(headers.map(({ name, value }) => [name, value]));
    this.body = body;
  }

  get ok() {
    return this.status >= 200 && this.status < 300;
  }

  text() {
    return decoded(this.body);
  }

  json() {
    return JSON.parse(this.text());
  }
}

function bytes(body) {
  if (body instanceof Uint8Array) return body;
  // anything else would be cut to bytes in silence, or end the instance
  if (typeof body !== 'string') throw new TypeError('the body must be a string or a Uint8Array');
  return encoded(whole(body, 'the body'));
}

function milliseconds(seconds) {
  if (seconds === undefined) return undefined;
  if (typeof seconds !== 'number' || !(seconds > 0 && seconds < 4e6)) throw new TypeError(`the time-out: give seconds, not ${String(seconds)}`);
  return Math.max(1, Math.ceil(seconds * 1000));
}

export function send(method, url, { headers = {}, body = '', timeout } = {}) {
  const request = {
    method: whole(method, 'the method'),
    url: whole(url, 'the URL'),
    headers: pairs(headers),
    body: bytes(body),
    timeout: milliseconds(timeout),
  };
  let answer;
  try {
    answer = connected().http.send(request);
  } catch (thrown) {
    const refusal = thrown?.payload ?? thrown;
    if (TOLD[refusal?.tag]) throw new Refused(refusal.tag, refusal.val);
    throw thrown;
  }
  return new Response(answer);
}

export const get = (url, options = {}) => send('GET', url, { ...options, body: '' });

export const post = (url, body, options = {}) => send('POST', url, { ...options, body });
