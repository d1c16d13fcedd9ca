// Values that outlive the instance. What there is, with its meaning: state.d.ts.
import { text } from './lib/edit.js';
import { connected } from './lib/host.js';
import { uses } from './lib/uses.js';

uses.add('state');

const store = () => connected().state;

export function getBytes(key) {
  return store().get(text(key, 'a key')) ?? undefined;
}

export function setBytes(key, value) {
  // anything else would be cut to bytes in silence, or end the instance
  if (!(value instanceof Uint8Array)) throw new TypeError(`the value of key "${key}" must be a Uint8Array; \`set\` takes what JSON can say`);
  try {
    store().set(text(key, 'a key'), value);
    return true;
  } catch (thrown) {
    const refusal = thrown?.payload ?? thrown;
    if (refusal === 'too-large' || refusal === 'full') return false;
    throw thrown;
  }
}

// JSON with escapes is ASCII, which needs no encoder
const ascii = (json) => json.replace(/[^\x00-\x7f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

export function get(key, otherwise) {
  const bytes = getBytes(key);
  if (bytes === undefined) return otherwise;
  let json = '';
  for (let i = 0; i < bytes.length; i += 4096) json += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return JSON.parse(json);
}

export function set(key, value) {
  const json = JSON.stringify(value);
  if (json === undefined) throw new TypeError(`the value of key "${key}" is nothing that JSON can say`);
  const plain = ascii(json);
  const bytes = new Uint8Array(plain.length);
  for (let i = 0; i < plain.length; i++) bytes[i] = plain.charCodeAt(i);
  return setBytes(key, bytes);
}

export function remove(key) {
  store().remove(text(key, 'a key'));
}

export function keys(prefix = '') {
  return store().keys(text(prefix, 'a prefix'));
}
