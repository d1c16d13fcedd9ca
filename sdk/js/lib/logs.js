// The interface `logs`: deciding by the text of lines.
import { either } from './ascending.js';
import { Sets, Strings, isAscii, packed, s64s, table } from './columns.js';
import { Changes, LabelOps, nanoseconds, text } from './edit.js';
import { beginning, placed, replacer } from './pattern.js';
import { Call, Row, SomeRows } from './rows.js';

class LogsCall extends Call {
  constructor(batch) {
    const strings = new Strings(batch.symbols);
    super(batch.rows, new Sets(batch.rows, strings, batch.sets, batch.setOfRow));
    this.metadataSets = new Sets(batch.rows, strings, batch.metadata);
    this.timesIn = s64s(batch.timestamps);
    this.linesIn = new Strings(batch.lines);
    this.metadata = new LabelOps(this.words);
    this.times = new Changes(batch.rows);
    this.lines = new Changes(batch.rows);
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
      lines.values.forEach((line, i) => line.includes(what) && found.push(lines.rows[i]));
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
    const start = plain ? what : beginning(what);
    // one search of all lines costs as much as looking into one in six
    const wide = 6 * this.length > call.count;
    if (!start || !(wide || call.linesIn.knows(start))) return this._some(this.#byLine(this.indexes, what, by));
    const { indexes } = 2 * this.length > call.count ? this.containing(start) : this;
    const way = placed(what, by);
    return this._some(way ? this.#inText(indexes, start, way, what, by) : this.#byLine(indexes, what, by));
  }

  /** Replaces line by line; gives the rows that changed. */
  #byLine(indexes, what, by) {
    const call = this._call;
    const plain = typeof what === 'string';
    const next = plain ? (line) => (what === '' || line.includes(what) ? line.split(what).join(by) : undefined) : replacer(what, by);
    const out = [];
    for (let i = 0; i < indexes.length; i++) {
      const row = indexes[i];
      const line = call.line(row);
      const made = next(line);
      if (made === undefined || (made === line && !plain)) continue;
      out.push(row);
      call.lines.set(row, made);
    }
    return out;
  }

  /** The same at the places in the text of all lines where a match can begin: the lines themselves need not be searched. */
  #inText(indexes, start, { here, global }, what, by) {
    const { linesIn, lines } = this._call;
    const { text: all, ends } = linesIn;
    const { hits, of } = linesIn.search(start);
    const changed = lines.size > 0;
    const [out, texts] = [[], []];
    let n = 0;
    for (let i = 0, h = 0; i < indexes.length; i++) {
      const row = indexes[i];
      while (of[h] < row) h++;
      if (of[h] !== row || (changed && lines.has(row))) continue;
      const begin = row ? ends[row - 1] : 0;
      const end = ends[row];
      const from = hits[h];
      const rest = here && all.slice(from, end); // a pattern must not see the next line
      let made;
      let more;
      let done = begin;
      for (; of[h] === row; h++) {
        const at = hits[h];
        if (at < done) continue; // within the last match
        let { length } = start;
        if (here) {
          here.lastIndex = at - from;
          if (!here.test(rest)) continue;
          length = here.lastIndex - (at - from);
        }
        const part = all.slice(done, at) + by;
        if (made === undefined) made = part;
        else (more ??= []).push(part); // put together once, however many there are
        done = at + length;
        if (!global) break;
      }
      if (made === undefined) continue;
      if (more) made += more.join('');
      made += all.slice(done, end);
      if (here && made.length === end - begin && made === all.slice(begin, end)) continue;
      out[n] = row;
      texts[n++] = made;
    }
    // what was changed before is no more what it was
    const again = changed ? this.#byLine(indexes.filter((row) => lines.has(row)), what, by) : [];
    lines.many(out, texts);
    return again.length ? either(out, again) : out;
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
  const times = call.times.finish(dropped);
  const lines = call.lines.finish(dropped);
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
