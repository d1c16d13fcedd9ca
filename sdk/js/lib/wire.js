// Bytes and pairs as requests and answers have them.
import { text } from './edit.js';

/** A text as UTF-8. A component has no TextEncoder: `unescape` makes a character of each byte. */
export const encoded = (given) => Uint8Array.from(unescape(encodeURIComponent(given)), (byte) => byte.charCodeAt(0));

/** UTF-8 as a text. */
export function decoded(bytes) {
  let characters = '';
  // in parts, for a call takes only so many arguments
  for (let i = 0; i < bytes.length; i += 4096) characters += String.fromCharCode(...bytes.subarray(i, i + 4096));
  try {
    return decodeURIComponent(escape(characters));
  } catch {
    throw new TypeError('the body is not UTF-8');
  }
}

/** Headers as the contract has them. Half of a surrogate pair would end the instance. */
export function pairs(headers) {
  if (headers === null || typeof headers !== 'object') throw new TypeError('headers are an object, or pairs of name and value');
  const given = typeof headers[Symbol.iterator] === 'function' ? headers : Object.entries(headers);
  return Array.from(given, ([name, value]) => ({ name: whole(name, "a header's name"), value: whole(value, `the value of header "${name}"`) }));
}

/** A text that is one. */
export function whole(given, what) {
  if (!text(given, what).isWellFormed()) throw new TypeError(`${what}: half of a surrogate pair is no text: ${JSON.stringify(given)}`);
  return given;
}
