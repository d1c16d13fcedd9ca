// Ascending lists of rows, each row once, as arrays or as typed ones. A turn of a loop is dear (columns.js): what can be done by
// copying stretches in C is done so, and a list that is long and dense is kept as what it lacks (rows.js).

let numbers = new Uint32Array(0);

/** 0, 1, … count-1: a part of a table that grows with the largest batch. Not to be written to. */
export function iota(count) {
  if (numbers.length < count) numbers = Uint32Array.from({ length: Math.max(count, 4096) }, (_, i) => i);
  return numbers.subarray(0, count);
}

/** All rows of a batch but some. */
export function allBut(count, gone) {
  const out = iota(count).slice();
  let to = gone[0] ?? count;
  for (let i = 0; i < gone.length; i++) {
    const from = gone[i] + 1;
    const end = gone[i + 1] ?? count;
    out.copyWithin(to, from, end);
    to += end - from;
  }
  return out.subarray(0, to);
}

/** What is in the one and not in the other. */
export function minus(rows, gone) {
  const out = [];
  for (let i = 0, g = 0; i < rows.length; i++) {
    const row = rows[i];
    while (gone[g] < row) g++;
    if (gone[g] !== row) out.push(row);
  }
  return out;
}

/** What is in both. */
export function both(a, b) {
  const out = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) out.push((j++, a[i++]));
    else if (a[i] < b[j]) i++;
    else j++;
  }
  return out;
}

/** What is in either. */
export function either(a, b) {
  const out = [];
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    if (j >= b.length || a[i] < b[j]) out.push(a[i++]);
    else {
      if (a[i] === b[j]) i++;
      out.push(b[j++]);
    }
  }
  return out;
}

/** The first place in ascending `ends` that is above `at`, from `low` on: near by as a rule, so strides grow from there. */
export function above(ends, at, low = 0) {
  let high = low;
  for (let stride = 1; high < ends.length && ends[high] <= at; stride *= 2) {
    low = high + 1;
    high += stride;
  }
  if (high > ends.length) high = ends.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ends[middle] > at) high = middle;
    else low = middle + 1;
  }
  return low;
}
