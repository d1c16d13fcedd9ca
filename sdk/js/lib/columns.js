// Columns as the contract has them: little-endian bytes over one table of strings, searched whole. A turn of a loop in a
// component costs some 40 ns, a search in C under 1 ns a character: what can be asked of a whole column is asked of it.
import { above, iota } from './ascending.js';

/** A byte column as numbers: a view, or a copy where its bytes do not lie on a multiple of their size. */
const view = (Type, bytes) =>
  bytes.byteOffset % Type.BYTES_PER_ELEMENT
    ? new Type(bytes.slice().buffer)
    : new Type(bytes.buffer, bytes.byteOffset, bytes.byteLength / Type.BYTES_PER_ELEMENT);

export const u32s = (bytes) => view(Uint32Array, bytes);
export const f64s = (bytes) => view(Float64Array, bytes);
export const s64s = (bytes) => view(BigInt64Array, bytes);

/** A typed array as an outgoing column. Only a Uint8Array crosses as it is: a plain array would be cut to bytes in silence. */
export const packed = (numbers) => new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);

export const nothing = new Uint8Array(0);

const OTHER = /[^\x00-\x7f]/;
const OTHERS = /[^\x00-\x7f]+/g;

/** Whether a string is ASCII. It costs some 13 ns a character in a component, so it is asked of what is short, or not known. */
export const isAscii = (text) => !OTHER.test(text);

/** Bytes of UTF-8 of a UTF-16 unit, less the unit itself; each half of a surrogate pair stands for half of four bytes. */
const more = (unit) => (unit < 0x80 ? 0 : unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2);

/** Strings as an outgoing table; `ascii` where all of them are known to be. */
export function table(strings, ascii = false) {
  const text = strings.join('');
  ascii ||= isAscii(text);
  if (!ascii && !text.isWellFormed()) {
    const bad = strings.find((s) => !s.isWellFormed());
    throw new TypeError(`half of a surrogate pair is no text: ${JSON.stringify(bad)}`);
  }
  const ends = new Uint32Array(strings.length);
  let end = 0;
  // the bytes of a text, each as a character: two passes in C, where a loop over the characters would cost ten times as much
  for (let i = 0; i < strings.length; i++) ends[i] = end += ascii ? strings[i].length : unescape(encodeURIComponent(strings[i])).length;
  return { text, ends: packed(ends) };
}

/** The contract's ends count bytes, JavaScript's strings UTF-16 units. */
function inUnits(text, ends) {
  const out = new Uint32Array(ends.length);
  let row = 0;
  let over = 0; // bytes before here, less units
  for (const run of text.matchAll(OTHERS)) {
    let unit = run.index;
    while (row < ends.length && ends[row] <= unit + over) out[row] = ends[row++] - over;
    for (const end = unit + run[0].length; unit < end; ) {
      over += more(text.charCodeAt(unit++));
      // an end within a pair there is none
      while (row < ends.length && ends[row] <= unit + over && (text.charCodeAt(unit) & 0xfc00) !== 0xdc00) out[row++] = unit;
    }
  }
  for (; row < ends.length; row++) out[row] = ends[row] - over;
  return out;
}

/** A table of strings. Where all is ASCII (as many units as bytes) its ends hold as they are. */
export class Strings {
  #bytes;
  #units;
  #list;
  #found; // by the last search: what is found is often replaced next

  constructor({ text, ends }) {
    this.text = text;
    this.#bytes = u32s(ends);
    this.length = this.#bytes.length;
    this.ascii = !this.length || text.length === this.#bytes[this.length - 1];
  }

  /** Where each string ends, in UTF-16 units. */
  get ends() {
    return (this.#units ??= this.ascii ? this.#bytes : inUnits(this.text, this.#bytes));
  }

  at(i) {
    if (this.#list) return this.#list[i];
    const { ends } = this;
    return this.text.slice(i ? ends[i - 1] : 0, ends[i]);
  }

  /** Every string, cut once. */
  all() {
    if (!this.#list) {
      const { text, ends } = this;
      const out = [];
      for (let i = 0, start = 0; i < ends.length; i++) out.push(text.slice(start, (start = ends[i])));
      this.#list = out;
    }
    return this.#list;
  }

  /** Where a text begins, each time, ascending: `split` is QuickJS's one fast search, ten times `indexOf`. */
  #hits(what) {
    const parts = this.text.split(what);
    const { length } = what;
    const last = parts.length - 1;
    const out = [];
    const overlaps = []; // how far on it can begin again within itself
    for (let k = 1; last && k < length; k++) if (what.startsWith(what.slice(k))) overlaps.push(k);
    let at = 0;
    for (let i = 0, n = 0; i < last; i++) {
      out[n++] = at += parts[i].length;
      for (let k = 0; k < overlaps.length; k++) if (this.text.startsWith(what, at + overlaps[k])) out[n++] = at + overlaps[k];
      at += length;
    }
    return out;
  }

  /** The index of a string, or -1. */
  index(what) {
    const { ends } = this;
    if (what === '') {
      for (let i = 0, start = 0; i < ends.length; start = ends[i++]) if (ends[i] === start) return i;
      return -1;
    }
    for (const at of this.#hits(what)) {
      const i = above(ends, at);
      if (at + what.length === ends[i] && at === (i ? ends[i - 1] : 0)) return i;
    }
    return -1;
  }

  /** The strings that hold a text, ascending. */
  containing(what) {
    return what === '' ? Array.from(iota(this.length)) : this.search(what).rows.slice();
  }

  /** Whether a text is what was searched for last. */
  knows(what) {
    return this.#found?.what === what;
  }

  /** Where a text, which is not empty, begins within a string, ascending; the string of each such place; and all these, each once. */
  search(what) {
    if (this.knows(what)) return this.#found;
    const { ends } = this;
    const { length } = what;
    const all = this.#hits(what);
    const [hits, of] = [[], []];
    const rate = ends.length / this.text.length;
    let each = true;
    let n = 0;
    let row = -1;
    let end = 0;
    for (let i = 0; i < all.length; i++) {
      const at = all[i];
      const next = at >= end;
      if (next) {
        // it is looked for where it should be if all strings were as long: halving would look at ten places
        let place = row + 1 + (((at - end) * rate) | 0);
        if (place >= ends.length) place = ends.length - 1;
        let tries = 4;
        while (ends[place] <= at && tries-- > 0) place++;
        while (place && ends[place - 1] > at && tries-- > 0) place--;
        if (tries < 0) place = above(ends, at, row < 0 ? 0 : row);
        row = place;
        end = ends[row];
      }
      if (at + length > end) continue; // it reaches over the end of a string
      if (!next && of[n - 1] === row) each = false;
      hits[n] = at;
      of[n++] = row;
    }
    return (this.#found = { what, hits, of, rows: each ? of : of.filter((row, i) => row !== of[i - 1]) });
  }
}

/** Up to so many sets a search in C for each costs less than a loop over all rows. */
const FEW = 8;

/** Label sets over a table of strings, and which row has which. */
export class Sets {
  #pairs;
  #ends;
  #ofRow;
  #columns = new Map();
  #texts = new Map();

  constructor(rows, strings, { pairs, ends }, ofRow = nothing) {
    this.rows = rows;
    this.strings = strings;
    this.#pairs = u32s(pairs);
    this.#ends = u32s(ends);
    this.#ofRow = ofRow.length ? u32s(ofRow) : undefined;
  }

  /** All labels of a row's set that the plugin wants. */
  labels(row) {
    const set = this.#ofRow ? this.#ofRow[row] : row;
    const out = {};
    const end = this.#ends[set] ?? 0;
    for (let i = set ? this.#ends[set - 1] : 0; i < end; i++) {
      out[this.strings.at(this.#pairs[2 * i])] = this.strings.at(this.#pairs[2 * i + 1]);
    }
    return out;
  }

  /** One label of a row's set. The first look at a name reads the whole column, the others one place of it. */
  label(row, name) {
    let texts = this.#texts.get(name);
    if (!texts) {
      const known = new Map([[-1, undefined]]);
      texts = Array.from(this.#column(name), (symbol) => {
        if (!known.has(symbol)) known.set(symbol, this.strings.at(symbol));
        return known.get(symbol);
      });
      this.#texts.set(name, texts);
    }
    return texts[this.#ofRow ? this.#ofRow[row] : row];
  }

  /** For each set the symbol of a label's value, -1 where it does not have it. */
  #column(name) {
    let out = this.#columns.get(name);
    if (out) return out;
    out = new Int32Array(this.#ends.length).fill(-1);
    const symbol = this.#pairs.length ? this.strings.index(name) : -1;
    if (symbol >= 0) {
      const pairs = this.#pairs;
      let set = 0;
      for (let i = -1; (i = pairs.indexOf(symbol, i + 1)) >= 0; ) {
        if (i & 1) continue;
        set = this.#owner(i >> 1, set);
        out[set] = pairs[i + 1];
      }
    }
    this.#columns.set(name, out);
    return out;
  }

  /** The set that holds a pair, none before `low`. */
  #owner(pair, low) {
    const ends = this.#ends;
    const even = Math.floor((2 * pair * ends.length) / this.#pairs.length); // where all sets have as many labels
    if (ends[even] > pair && (!even || ends[even - 1] <= pair)) return even;
    return above(ends, pair, low);
  }

  /** The rows whose label has this value, which is not empty. */
  having(name, value) {
    const out = [];
    if (!this.#pairs.length) return out;
    const n = this.strings.index(name);
    const v = n < 0 ? -1 : this.strings.index(value);
    if (v < 0) return out;
    const pairs = this.#pairs;
    let set = 0;
    for (let i = -1; (i = pairs.indexOf(v, i + 1)) >= 0; ) {
      if (!(i & 1) || pairs[i - 1] !== n) continue;
      set = this.#owner(i >> 1, set);
      out.push(set);
    }
    return this.#rowsOf(out);
  }

  /** The rows whose label passes; an absent one passes as the empty value. Each distinct value is looked at once. */
  passing(name, passes) {
    const column = this.#column(name);
    const known = new Map();
    const judge = (symbol) => {
      let good = known.get(symbol);
      if (good === undefined) {
        good = Boolean(passes(symbol < 0 ? '' : this.strings.at(symbol)));
        known.set(symbol, good);
      }
      return good;
    };
    const out = [];
    if (!column.length) {
      if (passes('')) for (let row = 0; row < this.rows; row++) out.push(row);
      return out;
    }
    for (let set = 0; set < column.length; set++) if (judge(column[set])) out.push(set);
    return this.#rowsOf(out);
  }

  /** The rows that have one of some sets. */
  #rowsOf(sets) {
    if (!this.#ofRow) return this.#ends.length === this.rows ? sets : sets.filter((set) => set < this.rows);
    const out = [];
    if (!sets.length) return out;
    const ofRow = this.#ofRow;
    if (sets.length <= FEW) {
      for (const set of sets) for (let row = -1; (row = ofRow.indexOf(set, row + 1)) >= 0; ) out.push(row);
      return sets.length > 1 ? out.sort((a, b) => a - b) : out;
    }
    const flags = new Uint8Array(this.#ends.length);
    for (const set of sets) flags[set] = 1;
    for (let row = 0; row < this.rows; row++) if (flags[ofRow[row]]) out.push(row);
    return out;
  }
}
