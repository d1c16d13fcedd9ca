// Answers in the making: rows in ascending order, strings that the batch lacks added once.
import { nothing, packed, table } from './columns.js';

const kindOf = (value) => (value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value);

/** What an author hands over as text. */
export function text(value, what) {
  if (typeof value !== 'string') throw new TypeError(`${what} must be a string, not ${kindOf(value)}: ${String(value)}`);
  return value;
}

/** What an author hands over as a number. */
export function number(value, what) {
  if (typeof value !== 'number') throw new TypeError(`${what} must be a number, not ${kindOf(value)}: ${String(value)}`);
  return value;
}

/** What an author hands over as a 64-bit number. */
export function nanoseconds(value) {
  if (typeof value === 'bigint') return BigInt.asIntN(64, value) === value ? value : fail(value);
  if (!Number.isSafeInteger(value)) fail(value);
  return BigInt(value);
}

function fail(value) {
  throw new TypeError(`a timestamp must be a whole number of 64 bits, as in 1700000000000000000n, not ${kindOf(value)}: ${String(value)}`);
}

/** Strings that a batch does not have, each once. */
export class Words {
  #added = new Map();
  #base;

  constructor(base) {
    this.#base = base;
  }

  index(word, what) {
    let index = this.#added.get(word);
    if (index === undefined) {
      index = this.#base + this.#added.size;
      this.#added.set(text(word, what), index);
    }
    return index;
  }

  get added() {
    return table([...this.#added.keys()]);
  }
}

/** Changes to the labels of rows, in the order of the work. A removal travels as an assignment of nothing, which keeps it. */
export class LabelOps {
  #words;
  #parts = []; // {rows, name, values}: values is one index for all, or one each
  #loose; // the part that single changes go to
  #count = 0;
  #last = -1;
  #ascends = true;

  constructor(words) {
    this.#words = words;
  }

  one(row, name, value) {
    const n = this.#words.index(name, "a label's name");
    const v = this.#words.index(value, `the value of label "${name}"`);
    if (!this.#loose) this.#parts.push((this.#loose = { rows: [], names: [], values: [] }));
    this.#loose.rows.push(row);
    this.#loose.names.push(n);
    this.#loose.values.push(v);
    this.#count++;
    if (row < this.#last) this.#ascends = false;
    this.#last = row;
  }

  /** Rows get a label. `rows` undefined: all `count`. */
  many(rows, count, name, value) {
    if (!count) return;
    const names = this.#words.index(name, "a label's name");
    const what = `the value of label "${name}"`;
    let values;
    if (value === null || typeof value !== 'object') values = this.#words.index(value, what);
    else {
      values = Array.from(value, (v) => this.#words.index(v, what));
      if (values.length !== count) throw new RangeError(`${count} rows, but ${values.length} values for label "${name}"`);
    }
    this.#loose = undefined;
    this.#parts.push({ rows, count, names, values });
    this.#count += count;
    if ((rows ? rows[0] : 0) < this.#last) this.#ascends = false;
    this.#last = rows ? rows[count - 1] : count - 1;
  }

  /** Whether all changes are of the same rows. */
  get #alike() {
    const [{ rows, count }] = this.#parts;
    return count !== undefined && this.#parts.every((part) => part.rows === rows && part.count === count);
  }

  /** The contract's `label-edit`; undefined where nothing changes. */
  finish() {
    if (!this.#count) return undefined;
    const ops = new Uint32Array(3 * this.#count);
    if (!this.#ascends && this.#alike) {
      // the first row's changes, then the second's
      const parts = this.#parts;
      for (let p = 0; p < parts.length; p++) {
        const { rows, count, names, values } = parts[p];
        const one = typeof values === 'number';
        for (let i = 0, at = 3 * p; i < count; i++, at += 3 * parts.length) {
          ops[at] = rows ? rows[i] : i;
          ops[at + 1] = names;
          ops[at + 2] = one ? values : values[i];
        }
      }
      return { added: this.#words.added, assigned: packed(ops), removed: nothing };
    }
    let o = 0;
    for (const { rows, count = rows.length, names, values } of this.#parts) {
      const end = o + 3 * count;
      if (typeof values === 'number') {
        // one pattern, doubled in C; what is left to the loop is one store a row
        ops[o + 1] = names;
        ops[o + 2] = values;
        for (let have = 3; have < end - o; have *= 2) ops.copyWithin(o + have, o, o + Math.min(have, end - o - have));
        if (rows) for (let i = 0, at = o; i < count; i++, at += 3) ops[at] = rows[i];
        else for (let i = 0, at = o; i < count; i++, at += 3) ops[at] = i;
      } else {
        const own = typeof names !== 'number';
        for (let i = 0, at = o; i < count; i++, at += 3) {
          ops[at] = rows ? rows[i] : i;
          ops[at + 1] = own ? names[i] : names;
          ops[at + 2] = values[i];
        }
      }
      o = end;
    }
    return { added: this.#words.added, assigned: packed(this.#ascends ? ops : byRow(ops, this.#count)), removed: nothing };
  }
}

/** Triples by ascending row; those of one row stay in order. */
function byRow(ops, count) {
  const keys = new Float64Array(count); // exact: both factors are below 2^26 in any batch
  for (let i = 0; i < count; i++) keys[i] = ops[3 * i] * count + i;
  keys.sort();
  const out = new Uint32Array(ops.length);
  for (let i = 0, o = 0; i < count; i++) {
    let from = 3 * (keys[i] % count);
    out[o++] = ops[from++];
    out[o++] = ops[from++];
    out[o++] = ops[from];
  }
  return out;
}

/** Rows that are dropped. */
export class Dropped {
  #parts = [];
  #loose = [];
  #all;

  add(rows) {
    if (rows.length) this.#parts.push(rows);
  }

  one(row) {
    this.#loose.push(row);
  }

  /** The rows, ascending, each once. */
  get all() {
    if (!this.#all) {
      if (!this.#loose.length && this.#parts.length < 2) this.#all = new Uint32Array(this.#parts[0] ?? 0);
      else {
        const rows = new Set(this.#loose);
        for (const part of this.#parts) for (const row of part) rows.add(row);
        this.#all = Uint32Array.from(rows).sort();
      }
    }
    return this.#all;
  }
}

/** New values of rows; the last one of a row counts. In a component a Map with numbers for keys takes 600 ns for each of a few hundred. */
export class Changes {
  #count;
  #places; // by row: where its value is, plus one; made when it is asked for

  constructor(count) {
    this.#count = count;
    this.rows = [];
    this.values = [];
  }

  get size() {
    return this.rows.length;
  }

  get #byRow() {
    if (!this.#places) {
      const { rows } = this;
      const places = (this.#places = new Uint32Array(this.#count));
      for (let i = 0; i < rows.length; ) places[rows[i]] = ++i;
    }
    return this.#places;
  }

  has(row) {
    return this.rows.length > 0 && this.#byRow[row] > 0;
  }

  get(row) {
    return this.rows.length ? this.values[this.#byRow[row] - 1] : undefined;
  }

  set(row, value) {
    const places = this.#byRow;
    const place = places[row];
    if (place) this.values[place - 1] = value;
    else {
      this.rows.push(row);
      places[row] = this.values.push(value);
    }
  }

  /** Many at once, by ascending row, each once. */
  many(rows, values) {
    if (this.rows.length) for (let i = 0; i < rows.length; i++) this.set(rows[i], values[i]);
    else [this.rows, this.values] = [rows.slice(), values];
  }

  /** Ascending rows that stay, and their values. */
  finish(dropped) {
    let { rows, values } = this;
    if (!rows.length) return { rows: new Uint32Array(0), values };
    const places = this.#byRow;
    let sorted = true;
    for (let i = 1; sorted && i < rows.length; i++) sorted = rows[i - 1] < rows[i];
    let gone = false;
    for (let i = 0; i < dropped.length; i++) {
      if (!places[dropped[i]]) continue;
      places[dropped[i]] = 0;
      gone = true;
    }
    if (gone) rows = rows.filter((row) => places[row]);
    const out = Uint32Array.from(rows);
    if (!sorted) out.sort();
    if (gone || !sorted) values = Array.from(out, (row) => values[places[row] - 1]);
    return { rows: out, values };
  }
}
