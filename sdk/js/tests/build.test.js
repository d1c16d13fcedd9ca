// What an author reads when a plugin cannot be built: the author's own lines, and nothing of what loads them.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const sdk = fileURLToPath(new URL('..', import.meta.url));

/** What the build of a plugin with this code says. */
function told(code) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-'));
  try {
    mkdirSync(join(folder, 'src'));
    const weir = { '#weir': './weir/sdk/js/index.js', '#weir/*': './weir/sdk/js/*.js' };
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', imports: weir }));
    writeFileSync(join(folder, 'src/plugin.js'), code);
    mkdirSync(join(folder, 'weir/wit/v0.1.0'), { recursive: true });
    const done = spawnSync(process.execPath, [join(sdk, 'build.mjs'), folder], { encoding: 'utf8' });
    assert.equal(done.status, 1, done.stderr);
    return done.stderr;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('what does not parse is shown with its line', () => {
  const said = told("import { plugin } from '#weir';\n\nexport default plugin({ series: { relabel(rows { } } });\n");
  assert.match(said, /^src\/plugin\.js:3\n.*relabel\(rows/);
  assert.match(said, /SyntaxError: /);
  assert.doesNotMatch(said, /node:internal/);
});

test('what the code throws is shown by its own lines', () => {
  const said = told("import { config, plugin } from '#weir';\n\nexport default plugin({ config: { a: config.numbr() } });\n");
  assert.match(said, /TypeError: config\.numbr is not a function\n.*src\/plugin\.js:3:/);
  assert.doesNotMatch(said, /node:internal|build\.mjs/);
});

test('a package that is not there is said with what gets it', () => {
  const said = told("import { plugin } from '#weir';\nimport x from 'no-such-package';\n\nexport default plugin({});\n");
  assert.match(said, /'no-such-package' imported from src\/plugin\.js\n\(npm install no-such-package /);
  assert.doesNotMatch(said, /node:internal/);
});
