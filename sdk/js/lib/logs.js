// The interface `logs`: deciding by the text of lines.
import { Sets, Strings, isAscii, packed, s64s, table } from './columns.js';
import { LabelOps, changes, nanoseconds, text } from './edit.js';
import { beginning, replacer } from './pattern.js';
import { Call, Row, SomeRows } from './rows.js';

class LogsCall extends Call {
  constructor(batch) {
    const strings = new Strings(batch.symbols);
    super(batch.rows, new Sets(batch.rows, strings, batch.sets, batch.setOfRow));
    this.metadataSets = new Sets(batch.rows, strings, batch.metadata);
    this.timesIn = s64s(batch.timestamps);
    this.linesIn = new Strings(batch.lines);
    this.metadata = new LabelOps(this.words);
    this.times = new Map();
    this.lines = new Map();
    this.ascii = true; // of the new lines, as far as it is known without looking
  }

  setLine(row, line) {
    this.lines.set(row, text(line, 'a line'));
    this.ascii = false;
  }

  /** A line as it is by now. */
  line(row) {
    return this.lines.get(row) ?? (this.linesIn.length ? this.linesIn.at(row) : '');
  }
}

export class LogRow extends Row {
  get line() {
    return this._call.line(this.index);
  }

  set line(line) {
    this._call.setLine(this.index, line);
  }

  get timestamp() {
    return this._call.timesIn[this.index] ?? 0n;
  }

  get metadata() {
    return this._call.metadataSets.labels(this.index);
  }

  metadataValue(name) {
    return this._call.metadataSets.label(this.index, name);
  }

  setLine(line) {
    this.line = line;
  }

  setTimestamp(time) {
    this._call.times.set(this.index, nanoseconds(time));
  }

  setMetadata(name, value) {
    this._call.metadata.one(this.index, name, value);
  }

  removeMetadata(name) {
    this._call.metadata.one(this.index, name, '');
  }
}

export class LogRows extends SomeRows {
  get lines() {
    const call = this._call;
    if (!call.lines.size && call.linesIn.length && !this._rows) return [...call.linesIn.all()];
    return this._each((row) => call.line(row));
  }

  whereMetadata(name, test) {
    return this._where(this._call.metadataSets, name, test);
  }

  containing(what) {
    text(what, 'what is searched for');
    const { linesIn, lines } = this._call;
    let found = linesIn.containing(what);
    if (lines.size) {
      found = found.filter((row) => !lines.has(row));
      for (const [row, line] of lines) if (line.includes(what)) found.push(row);
      found.sort((a, b) => a - b);
    }
    return this._within(found);
  }

  matching(pattern) {
    const plain = new RegExp(pattern, pattern.flags.replace(/[gy]/g, ''));
    const some = this.#holding(pattern);
    const { lines } = some;
    return some._those((_, i) => plain.test(lines[i]));
  }

  replace(what, by) {
    const call = this._call;
    const plain = typeof what === 'string';
    if (plain) text(by, 'a replacement');
    // what is put together of ASCII is ASCII
    if (call.ascii) call.ascii = call.linesIn.ascii && typeof by === 'string' && isAscii(by);
    const some = plain ? this.containing(what) : this.#holding(what);
    const { indexes } = some;
    const next = plain ? (line) => line.split(what).join(by) : replacer(what, by);
    const hits = [];
    for (let i = 0; i < indexes.length; i++) {
      const row = indexes[i];
      const line = call.line(row);
      const made = next(line);
      if (made === line && !plain) continue;
      hits.push(row);
      call.lines.set(row, made);
    }
    return this._some(hits);
  }

  /** The lines that a pattern can match in, as far as it is found by the text it begins with. */
  #holding(pattern) {
    // a line of a few is looked at as quickly by itself
    const start = 2 * this.length > this._call.count ? beginning(pattern) : '';
    return start ? this.containing(start) : this;
  }

  setLines(lines) {
    const { indexes } = this;
    const list = typeof lines === 'function' ? this.lines.map(lines) : [...lines];
    if (list.length !== indexes.length) throw new RangeError(`${indexes.length} rows, but ${list.length} lines`);
    indexes.forEach((row, i) => this._call.setLine(row, list[i]));
  }

  get timestamps() {
    const { timesIn } = this._call;
    return this._each((row) => timesIn[row] ?? 0n);
  }

  setTimestamps(times) {
    const list = [...times];
    const { indexes } = this;
    if (list.length !== indexes.length) throw new RangeError(`${indexes.length} rows, but ${list.length} timestamps`);
    indexes.forEach((row, i) => this._call.times.set(row, nanoseconds(list[i])));
  }

  setMetadata(name, value) {
    this._call.metadata.many(this._rows, this.length, name, value);
  }

  removeMetadata(name) {
    this._call.metadata.many(this._rows, this.length, name, '');
  }
}
LogRows.prototype._row = LogRow;

/** Has a plugin look at the contract's batch, and gives the contract's answer. */
export function process(batch, look) {
  const call = new LogsCall(batch);
  look(new LogRows(call));
  const dropped = call.dropped.all;
  const labels = call.labels.finish();
  const metadata = call.metadata.finish();
  const times = changes(call.times, dropped);
  const lines = changes(call.lines, dropped);
  if (!dropped.length && !labels && !metadata && !times.rows.length && !lines.rows.length) return { tag: 'unchanged' };
  return {
    tag: 'patch',
    val: {
      dropped: packed(dropped),
      labels,
      metadata,
      times: times.rows.length
        ? { rows: packed(times.rows), timestamps: packed(BigInt64Array.from(times.values)) }
        : undefined,
      changed: packed(lines.rows),
      lines: table(lines.values, call.ascii),
    },
  };
}
