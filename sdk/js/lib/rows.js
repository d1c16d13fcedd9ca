// Some rows of a batch: what all three interfaces share.
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

/** What is in both of two ascending lists. */
function both(a, b) {
  const out = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) out.push((j++, a[i++]));
    else if (a[i] < b[j]) i++;
    else j++;
  }
  return out;
}

/** Rows of a batch, ascending: all of them (`rows` undefined), or those that something was found of. */
export class SomeRows {
  constructor(call, rows) {
    this._call = call;
    this._rows = rows;
  }

  get length() {
    return this._rows ? this._rows.length : this._call.count;
  }

  [Symbol.iterator]() {
    return this.map((row) => row)[Symbol.iterator]();
  }

  map(act) {
    const out = [];
    for (const index of this.indexes) out.push(act(new this._row(this._call, index)));
    return out;
  }

  get indexes() {
    if (this._rows) return this._rows;
    const out = [];
    for (let i = 0; i < this._call.count; i++) out.push(i);
    return out;
  }

  _some(rows) {
    return new this.constructor(this._call, rows);
  }

  _within(rows) {
    if (!this._rows) return this._some(rows);
    return this._some(both(this._rows, rows));
  }

  #other(other) {
    if (other?._call !== this._call) throw new TypeError('only selections of the same batch combine');
    return other;
  }

  and(other) {
    const { _rows } = this.#other(other);
    return _rows ? this._within(_rows) : this;
  }

  or(other) {
    this.#other(other);
    if (!this._rows || !other._rows) return this._some(undefined);
    return this._some([...new Set([...this._rows, ...other._rows])].sort((a, b) => a - b));
  }

  without(other) {
    const gone = new Set(this.#other(other).indexes);
    return gone.size ? this._some(this.indexes.filter((row) => !gone.has(row))) : this;
  }

  filter(test) {
    const { indexes } = this;
    const flags = this.map(test);
    return this._some(indexes.filter((_, i) => flags[i]));
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
    return this.indexes.map((row) => sets.label(row, name));
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
