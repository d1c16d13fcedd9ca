// The verdicts that weir keeps of a plugin's `series`. What there is, with its meaning: verdicts.d.ts.
import { connected } from './lib/host.js';
import { uses } from './lib/uses.js';

uses.add('verdicts');

export function forget() {
  connected().verdicts.forget();
}
