// A plugin's configuration: shapes that read the JSON which weir made of the operator's document.

/** What is wrong with a configuration, as the operator is to read it. */
export class ConfigError extends Error {
  name = 'ConfigError';
}

const kindOf = (v) =>
  v === undefined ? 'nothing' : v === null ? 'null' : Array.isArray(v) ? 'a list' : typeof v === 'object' ? 'a table' : `a ${typeof v}`;

function wrong(at, wanted, value) {
  const shown = value !== null && typeof value === 'object' ? '' : value === undefined ? '' : `: ${JSON.stringify(value)}`;
  return new ConfigError(`${at}: expected ${wanted}, found ${kindOf(value)}${shown}`);
}

/** A shape reads a value or throws; `missing` gives the value of a key that is not there, where there is one. */
class Shape {
  constructor(read, missing) {
    this.read = read;
    this.missing = missing;
  }

  optional() {
    return new Shape(this.read, () => undefined);
  }

  default(value) {
    return new Shape(this.read, () => structured(value));
  }
}

/** A copy, so that instances do not share a default. */
const structured = (value) => (value !== null && typeof value === 'object' ? JSON.parse(JSON.stringify(value)) : value);

const plain = (type, wanted) =>
  new Shape((value, at) => {
    if (typeof value !== type) throw wrong(at, wanted, value);
    return value;
  });

export const text = () => plain('string', 'a string');
export const number = () => plain('number', 'a number');
export const boolean = () => plain('boolean', 'true or false');
export const any = () => new Shape((value) => value);

export const integer = () =>
  new Shape((value, at) => {
    if (!Number.isSafeInteger(value)) throw wrong(at, 'a whole number', value);
    return value;
  });

export const oneOf = (...known) =>
  new Shape((value, at) => {
    if (known.includes(value)) return value;
    throw new ConfigError(`${at}: expected one of ${known.map((k) => JSON.stringify(k)).join(', ')}, found ${JSON.stringify(value)}`);
  });

export const pattern = (flags = '') =>
  new Shape((value, at) => {
    if (typeof value !== 'string') throw wrong(at, 'a regular expression', value);
    try {
      return new RegExp(value, flags);
    } catch (e) {
      throw new ConfigError(`${at}: ${e.message}, in the regular expression ${JSON.stringify(value)}`);
    }
  });

export const list = (of) =>
  new Shape((value, at) => {
    if (!Array.isArray(value)) throw wrong(at, 'a list', value);
    return value.map((v, i) => of.read(v, `${at}[${i}]`));
  });

export const table = (of) =>
  new Shape((value, at) => {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) throw wrong(at, 'a table', value);
    return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, of.read(v, `${at}.${key}`)]));
  });

export const object = (fields) => {
  for (const [key, shape] of Object.entries(fields)) {
    if (!(shape instanceof Shape)) throw new TypeError(`config.${key}: give a shape, as in config.text()`);
  }
  return new Shape((value, at) => {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) throw wrong(at, 'a table', value);
    for (const key of Object.keys(value)) {
      if (Object.hasOwn(fields, key)) continue;
      throw new ConfigError(`${at}.${key}: there is no such key; known: ${Object.keys(fields).join(', ') || 'none'}`);
    }
    const out = {};
    for (const [key, shape] of Object.entries(fields)) {
      if (Object.hasOwn(value, key)) out[key] = shape.read(value[key], `${at}.${key}`);
      else if (shape.missing) out[key] = shape.missing();
      else throw new ConfigError(`${at}: ${key} is missing`);
    }
    return out;
  });
};

/** Reads a document into a shape, or into an object of shapes. */
export function read(json, shape = {}) {
  return (shape instanceof Shape ? shape : object(shape)).read(JSON.parse(json), 'config');
}
