// What a plugin is: an object that says what it looks at.

/** weir's interfaces: the function that each has, and what can be asked for beside it. */
export const INTERFACES = {
  series: { method: 'relabel', labels: ['labels'], columns: {} },
  samples: { method: 'process', labels: ['labels'], columns: { timestamps: false, startTimestamps: false } },
  logs: { method: 'process', labels: ['labels', 'metadata'], columns: { timestamps: false, lines: true } },
};

const KEYS = ['config', 'setup', ...Object.keys(INTERFACES), 'tick'];

/** Checks a plugin's definition, so that what is missing or misspelt is found when it is built. */
export function plugin(definition) {
  if (definition === null || typeof definition !== 'object') throw new TypeError('plugin({ … }) takes an object');
  known(definition, KEYS, 'plugin');
  if (definition.setup !== undefined && typeof definition.setup !== 'function') throw new TypeError('plugin: setup must be a function');
  const found = interfaces(definition);
  if (!found.length) throw new TypeError('plugin: it has none of series, samples and logs, so weir would never call it');
  for (const name of found) {
    const { method, labels, columns } = INTERFACES[name];
    const given = definition[name];
    if (given === null || typeof given !== 'object') throw new TypeError(`plugin: ${name} must be an object with ${method}(rows)`);
    known(given, [method, ...labels, ...Object.keys(columns)], name);
    if (typeof given[method] !== 'function') throw new TypeError(`${name}: ${method}(rows) is missing`);
    for (const key of Object.keys(columns)) {
      if (given[key] !== undefined && typeof given[key] !== 'boolean') throw new TypeError(`${name}.${key} must be true or false`);
    }
  }
  if (definition.tick !== undefined) {
    known(definition.tick, ['every', 'tick'], 'tick');
    if (typeof definition.tick.tick !== 'function') throw new TypeError('tick: tick(state, now, last) is missing');
    if (typeof definition.tick.every !== 'function') milliseconds(definition.tick.every);
  }
  return definition;
}

/** The interfaces that a plugin has, `tick` apart. */
export const interfaces = (definition) => Object.keys(INTERFACES).filter((name) => definition[name] !== undefined);

/** What `tick.every` says, as the contract has it. */
export function milliseconds(every, state) {
  const seconds = typeof every === 'function' ? every(state) : every;
  if (typeof seconds !== 'number' || !(seconds > 0 && seconds < 4e6)) throw new TypeError(`tick.every: give seconds, not ${String(seconds)}`);
  return Math.round(seconds * 1000);
}

/** What a plugin asks for, in the contract's words, once its state is there. */
export function wanted(name, given, state) {
  const { labels, columns } = INTERFACES[name];
  const out = {};
  for (const key of labels) out[key] = labelsWanted(given[key], state, `${name}.${key}`);
  for (const [key, usual] of Object.entries(columns)) out[key] = given[key] ?? usual;
  return name === 'series' ? out.labels : out;
}

function labelsWanted(asked = [], state, at) {
  const names = typeof asked === 'function' ? asked(state) : asked;
  if (names === 'everything') return { tag: 'everything' };
  if (!Array.isArray(names) || names.some((n) => typeof n !== 'string')) {
    throw new TypeError(`${at}: give a list of names, or 'everything'`);
  }
  return names.length ? { tag: 'named', val: names } : { tag: 'nothing' };
}

function known(object, keys, at) {
  for (const key of Object.keys(object)) {
    if (!keys.includes(key)) throw new TypeError(`${at}: there is no ${key}; known: ${keys.join(', ')}`);
  }
}
