// What is looked for by its beginning is found where the whole pattern finds it.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { beginning, replacer } from '../lib/pattern.js';

test('the beginning of a pattern is text that each match has', () => {
  const cases = [
    [/password=[^ ]*/g, 'password='], [/token/, 'token'], [/a\.b\/c\d/, 'a.b/c'], [/ab+c/, 'ab'], [/ab*c/, 'a'], [/ab?/, 'a'],
    [/ab{0,2}/, 'a'], [/a|b/, ''], [/a(b|c)/, 'a'], [/a[|]b/, 'a'], [/x[(]y|z/, ''], [/\d+/, ''], [/^at/, ''], [/a\bc/, 'a'], [/abc/i, ''], [/ab/y, ''],
    [/(?<!x)ab/, ''], [/é=\w/, 'é='], [/a😀?/u, 'a'], [/\u0041b/, ''], [/ab$/, 'ab'], [/(?:ab)?c/, ''], [/]x/, ''],
  ];
  for (const [pattern, text] of cases) assert.equal(beginning(pattern), text, String(pattern));
});

test('a replacement is that of String.replace', () => {
  const patterns = [/ab/g, /ab/, /ab+/g, /aba?/g, /ab*/g, /a\b/g, /(?<=a)a/g, /aa(?=b)/g, /a(b|é)/gu, /ab$/g, /ab$/gm, /a[^ ]*/g];
  let seed = 1;
  const below = (n) => (seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) % 65536 % n;
  for (let i = 0; i < 4000; i++) {
    const line = Array.from({ length: below(14) }, () => ['a', 'b', ' ', 'é', '😀', '\n'][below(6)]).join('');
    for (const pattern of patterns) {
      for (const by of ['***', '', 'ab', '[$&]', (all) => `<${all}>`]) {
        assert.equal(replacer(pattern, by)(line), line.replace(pattern, by), JSON.stringify([String(pattern), by, line]));
      }
    }
  }
});
