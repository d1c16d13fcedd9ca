// A failure as its author would want to read it: whatever is thrown, weir's log gets message and stack, and the call ends in an
// error that says where. Left alone, anything but a string or an Error would end the instance without a word.
import { log } from './host.js';

/** Throw it to make a call fail with a message and nothing else: no stack in the log, no place in the error. */
export class Failure extends Error {
  name = 'Failure';
}

const FRAME = /^\s*at (?:(.*?) \()?(.*?):(\d+)(?::(\d+))?\)?$/;

/** The stack's frames in the author's code, with paths from the project's folder. */
function frames(error, place) {
  const out = [];
  for (const line of String(error?.stack ?? '').split('\n')) {
    const match = FRAME.exec(line);
    if (!match) continue;
    const [, name, file, row, column] = match;
    const shown = place(file);
    if (shown) out.push({ name: name && name !== '<anonymous>' ? name : '', at: `${shown}:${row}${column ? `:${column}` : ''}` });
  }
  return out;
}

/**
 * A failure in one line, and with its stack. `place` gives a file's path as its author knows it; nothing for a file of
 * the SDK.
 */
export function described(thrown, place) {
  if (thrown instanceof Failure) return { line: thrown.message || 'the plugin gave no reason' };
  if (!(thrown instanceof Error)) {
    const what = typeof thrown === 'string' ? thrown : `${safely(thrown)} was thrown: throw an Error, which knows its place`;
    return { line: what };
  }
  const what = `${thrown.name}: ${thrown.message}`;
  const stack = frames(thrown, place);
  const line = stack.length ? `${what} (${stack[0].at}${stack[0].name ? `, in ${stack[0].name}` : ''})` : what;
  let trace = [what, ...stack.map(({ name, at }) => `    at ${name ? `${name} (${at})` : at}`)].join('\n');
  if (thrown.cause !== undefined && thrown.cause !== thrown) {
    const cause = described(thrown.cause, place);
    trace += `\ncaused by: ${cause.trace ?? cause.line}`;
  }
  return { line, trace };
}

/** Writes a failure's stack to weir's log, and gives the line that the call's error is. */
export function reported(thrown, place) {
  const { line, trace } = described(thrown, place);
  if (trace) log.error(trace);
  return line.toWellFormed();
}

function safely(value) {
  try {
    return typeof value === 'object' ? JSON.stringify(value) ?? String(value) : String(value);
  } catch {
    return 'something';
  }
}
