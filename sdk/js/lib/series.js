// The interface `series`: deciding by labels alone.
import { Sets, Strings, packed } from './columns.js';
import { Call, Row, SomeRows } from './rows.js';

export class SeriesRow extends Row {}

export class SeriesRows extends SomeRows {}
SeriesRows.prototype._row = SeriesRow;

/** Has a plugin look at the contract's columns, and gives the contract's answer. */
export function relabel(count, symbols, sets, look) {
  const call = new Call(count, new Sets(count, new Strings(symbols), sets));
  look(new SeriesRows(call));
  return { dropped: packed(call.dropped.all), labels: call.labels.finish() };
}
