// A plugin imports of weir what it uses: the build reads `uses`.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { uses } from '../lib/uses.js';

test('only a plugin that asks imports what asking needs', async () => {
  await import('../index.js');
  await import('../testing.js');
  assert.deepEqual([...uses], []);
  await import('../http.js');
  assert.deepEqual([...uses], ['http']);
  await import('../verdicts.js');
  assert.deepEqual([...uses], ['http', 'verdicts']);
});
