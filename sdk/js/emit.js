// New samples and lines of a plugin's own. What there is, with its meaning: emit.d.ts.
import { nothing, packed, table } from './lib/columns.js';
import { nanoseconds, number, text } from './lib/edit.js';
import { connected } from './lib/host.js';
import { uses } from './lib/uses.js';

uses.add('emit');

/** Nothing of an emission was taken, for a reason that is the author's to mend. */
export class Refused extends Error {
  name = 'Refused';
}

class Words {
  #known = new Map();

  #index(word, what) {
    let index = this.#known.get(word);
    if (index === undefined) this.#known.set(text(word, what), (index = this.#known.size));
    return index;
  }

  sets(sets) {
    const pairs = [];
    const ends = [];
    for (const labels of sets) {
      for (const name of Object.keys(labels).sort()) {
        pairs.push(this.#index(name, "a label's name"), this.#index(labels[name], `the value of label "${name}"`));
      }
      ends.push(pairs.length / 2);
    }
    return { pairs: packed(Uint32Array.from(pairs)), ends: packed(Uint32Array.from(ends)) };
  }

  get table() {
    return table([...this.#known.keys()]);
  }
}

/** The distinct label sets of rows, and which of them each has. */
function distinct(rows, words) {
  const known = new Map();
  const sets = [];
  const ofRow = Uint32Array.from(rows, ({ labels = {} }) => {
    const key = JSON.stringify(Object.entries(labels).sort());
    let set = known.get(key);
    if (set === undefined) known.set(key, (set = sets.push(labels) - 1));
    return set;
  });
  return { sets: words.sets(sets), setOfRow: packed(ofRow) };
}

function times(rows, what) {
  const given = rows.filter(({ timestamp }) => timestamp !== undefined);
  if (!given.length) return nothing;
  if (given.length < rows.length) throw new TypeError(`give all ${what} of an emission a timestamp, or none of them`);
  return packed(BigInt64Array.from(rows, ({ timestamp }) => nanoseconds(timestamp)));
}

function send(what, columns) {
  try {
    connected().emit[what](columns);
    return true;
  } catch (thrown) {
    const refusal = thrown?.payload ?? thrown;
    if (refusal?.tag === 'over-budget') return false;
    if (refusal?.tag === 'malformed') throw new Refused(refusal.val);
    if (refusal?.tag === 'not-now') throw new Refused('there is no emitting before the first call: not from setup');
    throw thrown;
  }
}

export function samples(given) {
  const rows = [...given];
  const words = new Words();
  const { sets, setOfRow } = distinct(rows, words);
  return send('samples', {
    rows: rows.length,
    symbols: words.table,
    sets,
    setOfRow,
    timestamps: times(rows, 'samples'),
    startTimestamps: rows.some((r) => r.startTimestamp)
      ? packed(BigInt64Array.from(rows, ({ startTimestamp = 0n }) => nanoseconds(startTimestamp)))
      : nothing,
    values: packed(Float64Array.from(rows, ({ value }) => number(value, "a sample's value"))),
  });
}

export function lines(given) {
  const rows = [...given];
  const words = new Words();
  const { sets, setOfRow } = distinct(rows, words);
  const some = rows.some(({ metadata }) => metadata && Object.keys(metadata).length);
  const metadata = some ? words.sets(rows.map(({ metadata = {} }) => metadata)) : { pairs: nothing, ends: nothing };
  return send('lines', {
    rows: rows.length,
    symbols: words.table,
    sets,
    setOfRow,
    metadata,
    timestamps: times(rows, 'lines'),
    lines: table(rows.map(({ line }) => text(line, 'a line'))),
  });
}
