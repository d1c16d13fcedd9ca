// Some rows of a batch: what all three interfaces share.
import { allBut, both, either, iota, minus } from './ascending.js';
import { Dropped, LabelOps, Words } from './edit.js';

/** One call: the columns that came, and the answer in the making. */
export class Call {
  constructor(count, sets) {
    this.count = count;
    this.sets = sets;
    this.words = new Words(sets.strings.length);
    this.dropped = new Dropped();
    this.labels = new LabelOps(this.words);
  }
}

/** One row. */
export class Row {
  constructor(call, index) {
    this._call = call;
    this.index = index;
  }

  label(name) {
    return this._call.sets.label(this.index, name);
  }

  get labels() {
    return this._call.sets.labels(this.index);
  }

  drop() {
    this._call.dropped.one(this.index);
  }

  set(name, value) {
    this._call.labels.one(this.index, name, value);
  }

  remove(name) {
    this._call.labels.one(this.index, name, '');
  }
}

function passes(test) {
  if (typeof test === 'string') return (value) => value === test;
  if (typeof test === 'function') return test;
  if (test instanceof RegExp) {
    if (test.global || test.sticky) test = new RegExp(test, test.flags.replace(/[gy]/g, '')); // these remember where they were
    return (value) => test.test(value);
  }
  if (Array.isArray(test)) return (value) => test.includes(value);
  if (typeof test?.has === 'function') return (value) => test.has(value);
  throw new TypeError(`a test is a string, a RegExp, a list, a Set, a Map or a function, not ${typeof test}: ${String(test)}`);
}

/**
 * Rows of a batch, ascending: all of them, those that something was found of (`rows`), or all but those (`out`): what is left
 * of a batch when a few rows are out of it is not made a list of unless somebody wants to see it.
 */
export class SomeRows {
  #rows;
  #out;

  constructor(call, rows, out) {
    this._call = call;
    this.#rows = rows;
    this.#out = out;
  }

  /** The rows; undefined where it is all of them. */
  get _rows() {
    if (!this.#rows && this.#out) this.#rows = allBut(this._call.count, this.#out);
    return this.#rows;
  }

  get length() {
    if (this.#rows) return this.#rows.length;
    return this._call.count - (this.#out?.length ?? 0);
  }

  [Symbol.iterator]() {
    return this.map((row) => row)[Symbol.iterator]();
  }

  map(act) {
    const { indexes } = this;
    const out = [];
    for (let i = 0; i < indexes.length; i++) out.push(act(new this._row(this._call, indexes[i])));
    return out;
  }

  get indexes() {
    return this._rows ?? iota(this._call.count).slice(); // the author's to change
  }

  /** What a function makes of each row's number. */
  _each(act) {
    const { indexes } = this;
    const out = [];
    for (let i = 0; i < indexes.length; i++) out.push(act(indexes[i], i));
    return out;
  }

  /** The rows of which a function says so. */
  _those(test) {
    const { indexes } = this;
    const out = [];
    for (let i = 0; i < indexes.length; i++) if (test(indexes[i], i)) out.push(indexes[i]);
    return this._some(out);
  }

  _some(rows, out) {
    return new this.constructor(this._call, rows, out);
  }

  /** Those of some rows of the batch that are here. */
  _within(rows) {
    if (this.#rows) return this._some(both(this.#rows, rows));
    return this._some(this.#out && rows.length ? minus(rows, this.#out) : rows);
  }

  #other(other) {
    if (other?._call !== this._call) throw new TypeError('only selections of the same batch combine');
    return other;
  }

  and(other) {
    if (this.#other(other).#rows) return this._within(other.#rows);
    return other.#out ? this.#less(other.#out) : this;
  }

  or(other) {
    const { _rows } = this.#other(other);
    return !_rows || !this._rows ? this._some() : this._some(either(this._rows, _rows));
  }

  without(other) {
    return this.#less(this.#other(other).indexes);
  }

  #less(gone) {
    if (!gone.length) return this;
    if (this.#rows) return this._some(minus(this.#rows, gone));
    return this._some(undefined, this.#out ? either(this.#out, gone) : gone);
  }

  filter(test) {
    const flags = this.map(test);
    return this._those((_, i) => flags[i]);
  }

  where(name, test) {
    return this._where(this._call.sets, name, test);
  }

  _where(sets, name, test) {
    if (typeof test === 'string' && test !== '') return this._within(sets.having(name, test));
    return this._within(sets.passing(name, passes(test)));
  }

  labels(name) {
    const { sets } = this._call;
    return this._each((row) => sets.label(row, name));
  }

  drop() {
    this._call.dropped.add(this.indexes);
  }

  set(name, value) {
    this._call.labels.many(this._rows, this.length, name, value);
  }

  remove(name) {
    this._call.labels.many(this._rows, this.length, name, '');
  }
}
