// Regular expressions that begin with plain text. QuickJS tries a pattern at every character, at some 13 ns each: where the first
// part of a match is known, a search in C finds the places, and the pattern is tried there alone.

const SPECIAL = /[\\^$.*+?()[\]{}|]/;
const PUNCTUATION = /[^\w\s]/;

/** Whether a pattern has branches, outside of groups. */
function branches(source) {
  let depth = 0;
  let inClass = false;
  for (let i = 0; i < source.length; i++) {
    const c = source[i];
    if (c === '\\') i++;
    else if (inClass) inClass = c !== ']';
    else if (c === '[') inClass = true;
    else if (c === '(') depth++;
    else if (c === ')') depth--;
    else if (c === '|' && !depth) return true;
  }
  return false;
}

function read({ source, flags }) {
  // of another case, of another rule for classes, only where it stands: not worth the care
  if (/[ivy]/.test(flags) || branches(source)) return '';
  let text = '';
  for (let i = 0; i < source.length; ) {
    let c = source[i++];
    if (c === '\\' && i < source.length && PUNCTUATION.test(source[i])) c = source[i++];
    else if (SPECIAL.test(c)) break;
    if (c >= '\ud800' && c <= '\udfff') break; // half a character may be what is repeated
    if (/[*?{]/.test(source[i] ?? '')) break; // it may be missing
    text += c;
    if (source[i] === '+') break;
  }
  return text;
}

const known = new WeakMap();

/** The text that every match of a pattern begins with; empty where there is none, or it is not seen. */
export function beginning(pattern) {
  let text = known.get(pattern);
  if (text === undefined) known.set(pattern, (text = read(pattern)));
  return text;
}

/** A function that does what `line.replace(pattern, by)` does. */
export function replacer(pattern, by) {
  const start = beginning(pattern);
  if (!start || typeof by !== 'string' || by.includes('$')) return (line) => line.replace(pattern, by);
  const here = new RegExp(pattern.source, `${pattern.flags.replace('g', '')}y`);
  return (line) => {
    const kept = [];
    let done = 0;
    for (let at = line.indexOf(start); at >= 0; at = line.indexOf(start, at)) {
      here.lastIndex = at;
      if (!here.test(line)) {
        at++;
        continue;
      }
      kept.push(line.slice(done, at));
      done = at = here.lastIndex;
      if (!pattern.global) break;
    }
    if (!done) return line;
    kept.push(line.slice(done));
    return kept.join(by); // not by `+`, whose ropes have to be put together later
  };
}

const BEHIND = /\(\?<[=!]/;

/**
 * How to replace a text, or what matches a pattern, where it is known to begin: `here` matches from there on, and is missing where the
 * beginning is all there is; undefined where that is not enough to know, for a pattern may look at what is before it.
 */
export function placed(what, by) {
  if (typeof by !== 'string') return undefined;
  if (typeof what === 'string') return { global: true };
  if (by.includes('$') || BEHIND.test(what.source)) return undefined;
  return { here: new RegExp(what.source, `${what.flags.replace('g', '')}y`), global: what.global };
}
