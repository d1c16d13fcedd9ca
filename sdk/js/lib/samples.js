// The interface `samples`: deciding by values.
import { Sets, Strings, f64s, packed, s64s } from './columns.js';
import { number } from './edit.js';
import { Call, Row, SomeRows } from './rows.js';

const KINDS = ['float', 'histogram', 'stale'];

class SamplesCall extends Call {
  constructor(batch) {
    super(batch.rows, new Sets(batch.rows, new Strings(batch.symbols), batch.sets, batch.setOfRow));
    this.kinds = batch.kinds;
    this.floats = batch.kinds.indexOf(1) < 0 && batch.kinds.indexOf(2) < 0;
    this.values = f64s(batch.values);
    this.timestamps = s64s(batch.timestamps);
    this.starts = s64s(batch.startTimestamps);
  }

  /** The values as they are by now, to be changed; `changed` has a 1 for each row that was. */
  get mutable() {
    if (!this.changed) {
      this.changed = new Uint8Array(this.count);
      this.values = this.values.slice();
    }
    return this.values;
  }
}

export class SampleRow extends Row {
  get kind() {
    return KINDS[this._call.kinds[this.index]];
  }

  get value() {
    const { kinds, values } = this._call;
    return kinds[this.index] ? undefined : values[this.index];
  }

  get timestamp() {
    return this._call.timestamps[this.index] ?? 0n;
  }

  get startTimestamp() {
    return this._call.starts[this.index] ?? 0n;
  }

  setValue(value) {
    number(value, "a sample's value");
    if (this._call.kinds[this.index]) return;
    this._call.mutable[this.index] = value;
    this._call.changed[this.index] = 1;
  }
}

export class SampleRows extends SomeRows {
  get floats() {
    const { kinds, floats } = this._call;
    return floats ? this : this._those((row) => !kinds[row]);
  }

  get values() {
    const { values } = this._call;
    if (!this._rows) return [...values];
    return this._each((row) => values[row]);
  }

  below(limit) {
    number(limit, 'a limit');
    const { _rows, _call: { values } } = this;
    const out = [];
    if (_rows) for (let i = 0; i < _rows.length; i++) values[_rows[i]] < limit && out.push(_rows[i]);
    else for (let row = 0; row < values.length; row++) values[row] < limit && out.push(row);
    return this._some(out).floats;
  }

  above(limit) {
    number(limit, 'a limit');
    const { _rows, _call: { values } } = this;
    const out = [];
    if (_rows) for (let i = 0; i < _rows.length; i++) values[_rows[i]] > limit && out.push(_rows[i]);
    else for (let row = 0; row < values.length; row++) values[row] > limit && out.push(row);
    return this._some(out).floats;
  }

  setValues(given) {
    const { indexes, _call: call } = this;
    const { kinds, mutable } = call; // this makes `changed`, too
    const { changed } = call;
    const list = typeof given === 'function' ? undefined : [...given];
    if (list && list.length !== indexes.length) throw new RangeError(`${indexes.length} rows, but ${list.length} values`);
    for (let i = 0; i < indexes.length; i++) {
      const row = indexes[i];
      if (kinds[row]) continue;
      const value = list ? list[i] : given(mutable[row]);
      mutable[row] = typeof value === 'number' ? value : number(value, "a sample's value");
      changed[row] = 1;
    }
  }
}
SampleRows.prototype._row = SampleRow;

/** Has a plugin look at the contract's batch, and gives the contract's answer. */
export function process(batch, look) {
  const call = new SamplesCall(batch);
  look(new SampleRows(call));
  const dropped = call.dropped.all;
  const labels = call.labels.finish();
  const { rows, values } = changes(call, dropped);
  if (!dropped.length && !labels && !rows.length) return { tag: 'unchanged' };
  return { tag: 'patch', val: { dropped: packed(dropped), labels, changed: packed(rows), values: packed(values) } };
}

/** The rows that have a new value and stay, and these values. */
function changes({ changed, values }, dropped) {
  const rows = [];
  if (changed) {
    for (const row of dropped) changed[row] = 0;
    for (let row = -1; (row = changed.indexOf(1, row + 1)) >= 0; ) rows.push(row);
  }
  const out = new Float64Array(rows.length);
  for (let i = 0; i < rows.length; i++) out[i] = values[rows[i]];
  return { rows: Uint32Array.from(rows), values: out };
}
