// From the contract's exports to a plugin and back. A component's entry, which the build writes, calls this.
import { ConfigError, read } from './config.js';
import { reported } from './failure.js';
import * as host from './host.js';
import * as logs from './logs.js';
import { INTERFACES, interfaces, milliseconds, wanted } from './plugin.js';
import * as samples from './samples.js';
import * as series from './series.js';

/**
 * The exports of a plugin. `place` gives a file's path as its author knows it.
 */
export function component(definition, weir, place) {
  host.connect(weir);
  host.console();
  withoutClock();
  let state;
  let wants;

  /** Whatever is thrown becomes the call's error: a string, which is what the contract has. */
  const guarded = (call) => (...given) => {
    let message;
    try {
      return call(...given);
    } catch (thrown) {
      message = thrown instanceof ConfigError ? thrown.message : reported(thrown, place);
    }
    throw message;
  };

  const look = (name) => {
    const { method } = INTERFACES[name];
    return (rows) => checked(`${name}.${method}`, definition[name][method](rows, state));
  };

  const found = interfaces(definition);
  const exports = {
    lifecycle: {
      configure: guarded((json) => {
        const config = read(json, definition.config);
        state = definition.setup ? definition.setup(config) : config;
        if (typeof state?.then === 'function') throw new TypeError('setup is async: weir wants the answer at once');
        // asked for now, where an error has a way out
        wants = Object.fromEntries(found.map((name) => [name, wanted(name, definition[name], state)]));
        if (definition.tick) wants.tick = milliseconds(definition.tick.every, state);
      }),
    },
    series: { wants: () => wants.series, relabel: guarded((rows, symbols, sets) => series.relabel(rows, symbols, sets, look('series'))) },
    samples: { wants: () => wants.samples, process: guarded((batch) => samples.process(batch, look('samples'))) },
    logs: { wants: () => wants.logs, process: guarded((batch) => logs.process(batch, look('logs'))) },
    tick: { interval: () => wants.tick, tick: guarded((now, last) => checked('tick.tick', definition.tick.tick(state, now, last))) },
  };
  return Object.fromEntries(['lifecycle', ...found, ...(definition.tick ? ['tick'] : [])].map((name) => [name, exports[name]]));
}

/** An answer is no answer: what counts is what was done to the rows. */
function checked(what, answer) {
  if (answer === undefined) return;
  if (typeof answer?.then === 'function') throw new TypeError(`${what} is async: weir wants the answer at once`);
  throw new TypeError(`${what} returned something: change the rows it was given, and return nothing`);
}

/** A component has no clock, and asking for it would end the instance: here it is an error that says so. */
function withoutClock() {
  const none = (what) => () => {
    throw new Error(`${what}: a plugin has no clock; ask for \`timestamps\` and use those of the rows`);
  };
  const Real = Date;
  globalThis.performance = { now: none('performance.now()'), timeOrigin: 0 };
  globalThis.Date = new Proxy(Real, {
    construct: (target, given, self) => (given.length ? Reflect.construct(target, given, self === globalThis.Date ? target : self) : none('new Date()')()),
    apply: none('Date()'),
    get: (target, key) => (key === 'now' ? none('Date.now()') : target[key]),
  });
}
