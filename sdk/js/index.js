// Writes plugins for weir in JavaScript and TypeScript. What there is, with its meaning: index.d.ts.
export * as config from './lib/config.js';
export { ConfigError } from './lib/config.js';
export { Failure } from './lib/failure.js';
export { counter, gauge, log } from './lib/host.js';
export { plugin } from './lib/plugin.js';
