/**
 * Values that outlive the instance and a reload of the plugin, kept by weir in memory: `import * as state from '#weir/state'`.
 *
 * What a call has changed counts only if the call succeeds. `setup` is where a plugin takes up what it left.
 */

/** The value of a key, as `set` took it. */
export function get<T = unknown>(key: string): T | undefined;
export function get<T>(key: string, otherwise: T): T;

/** Sets the value of a key to what JSON can say; false where there is no room for it, and the old one stays. */
export function set(key: string, value: unknown): boolean;

/** The value of a key, as `setBytes` took it. */
export function getBytes(key: string): Uint8Array | undefined;

/** Sets the value of a key; false where there is no room for it, and the old one stays. */
export function setBytes(key: string, value: Uint8Array): boolean;

/** Takes a key out, if it is there. */
export function remove(key: string): void;

/** All keys that begin so, ascending. */
export function keys(prefix?: string): string[];
