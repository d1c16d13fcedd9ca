// What weir offers a plugin: its log, and metrics of the plugin's own.
import { number, text } from './edit.js';
import { encoded, pairs } from './wire.js';

/** weir's part where no weir is: in tests. It keeps what it was told (`weir/testing` shows it). */
export class Unconnected {
  messages = [];
  metrics = {};
  emitted = [];
  kept = new Map();
  answers = {};
  requests = [];
  forgotten = 0;
  emit = {
    samples: (columns) => void this.emitted.push({ what: 'samples', columns }),
    lines: (columns) => void this.emitted.push({ what: 'lines', columns }),
  };
  state = {
    get: (key) => this.kept.get(key),
    set: (key, value) => void this.kept.set(key, value),
    remove: (key) => void this.kept.delete(key),
    keys: (prefix) => [...this.kept.keys()].filter((key) => key.startsWith(prefix)).sort(),
  };
  http = {
    send: (request) => {
      this.requests.push(request);
      const answer = this.answers[request.url];
      if (answer === undefined) throw { tag: 'not-granted', val: request.url.split('/')[2] ?? '' };
      if (answer instanceof Error) throw answer;
      const { status = 200, headers = {}, body = '' } = answer;
      return { status, headers: pairs(headers), body: typeof body === 'string' ? encoded(body) : body };
    },
  };
  verdicts = { forget: () => void this.forgotten++ };

  log(level, message) {
    this.messages.push({ level, message });
  }

  counterAdd(name, labels, value) {
    if (!(value >= 0 && value < Infinity)) return;
    const key = keyOf(name, labels);
    this.metrics[key] = (this.metrics[key] ?? 0) + value;
  }

  gaugeSet(name, labels, value) {
    this.metrics[keyOf(name, labels)] = value;
  }
}

const keyOf = (name, labels) => {
  const pairs = labels.map(({ name, value }) => `${name}=${JSON.stringify(value)}`).sort();
  return pairs.length ? `${name}{${pairs.join(',')}}` : name;
};

let connection = new Unconnected();

/** Puts something in weir's place: weir itself in a component. */
export function connect(to) {
  connection = to;
  return to;
}

/** Where calls go. */
export const connected = () => connection;

// half of a surrogate pair would end the instance
const write = (level) => (message) => connection.log(level, String(message).toWellFormed());

export const log = { error: write('error'), warn: write('warn'), info: write('info'), debug: write('debug') };

export function counter(name, labels = {}, add = 1) {
  connection.counterAdd(text(name, "a metric's name"), list(labels), number(add, `what metric ${name} grows by`));
}

export function gauge(name, value, labels = {}) {
  connection.gaugeSet(text(name, "a metric's name"), list(labels), number(value, `the value of metric ${name}`));
}

const list = (labels) => Object.entries(labels).map(([name, value]) => ({ name, value: text(value, `the value of label "${name}"`) }));

const shown = (value) => {
  if (typeof value === 'string') return value;
  if (value instanceof Error) return `${value}\n${value.stack ?? ''}`.trimEnd();
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value); // a circle, or a BigInt within
  }
};

/** Gives a component the `console` that it does not have. */
export function console() {
  const line = (to) => (...values) => to(values.map(shown).join(' '));
  globalThis.console = { error: line(log.error), warn: line(log.warn), info: line(log.info), log: line(log.info), debug: line(log.debug) };
}
