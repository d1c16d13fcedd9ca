// HTTP requests that weir makes. What there is, with its meaning: http.d.ts.
import { text } from './lib/edit.js';
import { connected } from './lib/host.js';
import { uses } from './lib/uses.js';

uses.add('http');

/** There is no answer. */
export class Refused extends Error {
  name = 'Refused';

  constructor(reason, words) {
    super(words ? `${reason}: ${words}` : reason);
    this.reason = reason;
  }
}

// a component has no TextEncoder; these make UTF-8 of a text, a character each byte, and take it apart
const encoded = (text) => Uint8Array.from(unescape(encodeURIComponent(text)), (byte) => byte.charCodeAt(0));

const decoded = (bytes) => {
  let characters = '';
  for (let i = 0; i < bytes.length; i += 4096) characters += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return decodeURIComponent(escape(characters));
};

const bytes = (body) => {
  if (body instanceof Uint8Array) return body;
  if (typeof body !== 'string') throw new TypeError('the body must be a string or a Uint8Array');
  return encoded(text(body, 'a body'));
};

export function send(method, url, { body = '', headers = {}, timeout } = {}) {
  const request = {
    method: text(method, 'a method'),
    url: text(url, 'a URL'),
    headers: Object.entries(headers).map(([name, value]) => ({ name, value: text(value, `the value of header "${name}"`) })),
    body: bytes(body),
    timeout: timeout === undefined ? undefined : Math.min(Math.max(0, Math.trunc(timeout * 1000)), 0xffffffff),
  };
  let answer;
  try {
    answer = connected().http.send(request);
  } catch (thrown) {
    const refusal = thrown?.payload ?? thrown;
    if (typeof refusal?.tag !== 'string') throw thrown;
    throw new Refused(refusal.tag, refusal.val);
  }
  return {
    status: answer.status,
    ok: answer.status >= 200 && answer.status < 300,
    headers: Object.fromEntries(answer.headers.map(({ name, value }) => [name, value])),
    body: answer.body,
    text: () => decoded(answer.body),
    json: () => JSON.parse(decoded(answer.body)),
  };
}

export const get = (url, options = {}) => send('GET', url, options);
export const post = (url, body, options = {}) => send('POST', url, { ...options, body });
