#!/usr/bin/env node
// Builds the plugin in a folder: `node weir/sdk/js/build.mjs [FOLDER] [--out FILE]`. What `weir plugin build` runs.
//
// 1. TypeScript is checked by tsc; its types are blanked out, so that lines and columns of a failure are those of the source.
// 2. Sources and SDK are put side by side in FOLDER/build/js, and the plugin is imported here, natively: what is wrong with it
//    is found now, and the interfaces it has say which world it is built for.
// 3. An entry with just these exports is written, and componentize-qjs makes the component, without any WASI.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const sdk = realpathSync(dirname(fileURLToPath(import.meta.url)));

class Told extends Error {}

/** A tool of the project, of a folder above it, or of NODE_PATH. */
function tool(project, name) {
  const require = createRequire(join(project, 'package.json'));
  try {
    return require.resolve(name);
  } catch {
    throw new Told(`${name} is missing. Install it with:\n    npm install   # in ${project}`);
  }
}

function* files(dir) {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) yield* files(path);
    else yield path;
  }
}

/** The sources as JavaScript in `stage`, a line for each line; gives the entry's path there. */
async function sources(project, stage) {
  const from = join(project, 'src');
  const main = ['plugin.ts', 'plugin.js', 'plugin.mjs'].find((name) => existsSync(join(from, name)));
  if (!main) throw new Told('src/plugin.js or src/plugin.ts is missing');
  const typed = [...files(from)].filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'));
  let blank;
  if (typed.length) {
    const tsc = join(dirname(tool(project, 'typescript/package.json')), 'bin', 'tsc');
    const check = spawnSync(process.execPath, [tsc, '--noEmit', '--pretty', 'false', '-p', project], { cwd: project, encoding: 'utf8' });
    if (check.status !== 0) throw new Told(check.stdout + check.stderr);
    ({ default: blank } = await import(pathToFileURL(tool(project, 'ts-blank-space'))));
  }
  for (const file of files(from)) {
    const to = join(stage, 'src', relative(from, file));
    mkdirSync(dirname(to), { recursive: true });
    if (!typed.includes(file)) {
      cpSync(file, to, { dereference: true });
      continue;
    }
    const faults = [];
    const text = blank(readFileSync(file, 'utf8'), (node) => faults.push(node));
    if (faults.length) throw new Told(`${relative(project, file)}: enum, namespace and parameter properties are not erased; \`erasableSyntaxOnly\` in tsconfig.json shows where`);
    writeFileSync(to.replace(/\.ts$/, '.js'), text.replace(/(from\s+|import\s+)(['"])(\.[^'"]*)\.ts\2/g, '$1$2$3.js$2'));
  }
  return { main: join('src', main.replace(/\.ts$/, '.js')), typed: typed.map((file) => relative(project, file)) };
}

/** The newest contract there is. */
function newest(project) {
  for (const wit of [join(project, 'weir/wit'), resolve(sdk, '../../wit')]) {
    if (!existsSync(wit)) continue;
    const order = (name) => name.slice(1).split('.').reduce((sum, n) => sum * 1000 + Number(n), 0);
    const [last] = readdirSync(wit).filter((name) => /^v[\d.]+$/.test(name)).sort((a, b) => order(b) - order(a));
    if (last) return { version: last.slice(1), folder: join(wit, last) };
  }
  throw new Told('weir/wit, the contract, is missing');
}

/** What does not parse, with its place, which an import that fails does not say. */
function misspelt(stage) {
  for (const file of files(join(stage, 'src'))) {
    if (!/\.m?js$/.test(file)) continue;
    const check = spawnSync(process.execPath, ['--check', file], { encoding: 'utf8' });
    // behind the message come node's own frames
    if (check.status !== 0) return check.stderr.replace(/\n\s+at [^]*$/, '');
  }
  return undefined;
}

/** What the plugin exports, and what it imports beside `host`: told by importing it here. */
async function interfaces(stage, main, typed) {
  const module = (path) => import(pathToFileURL(join(stage, path)));
  let definition;
  try {
    ({ default: definition } = await module(main));
  } catch (error) {
    if (error instanceof SyntaxError) throw new Told(misspelt(stage) ?? error.stack);
    const [, missing] = error?.code === 'ERR_MODULE_NOT_FOUND' ? (/^Cannot find package '([^']+)'/.exec(error.message) ?? []) : [];
    throw missing ? new Told(`${error.message}\n(npm install ${missing}   # one that is plain ECMAScript modules)`) : error;
  }
  if (definition === undefined) throw new Told(`${typed.length ? 'src/plugin.ts' : main}: it has no \`export default plugin({ … })\``);
  const { interfaces, plugin } = await module('weir/sdk/js/lib/plugin.js');
  const { uses } = await module('weir/sdk/js/lib/uses.js');
  const exports = ['lifecycle', ...interfaces(plugin(definition)), ...(definition.tick ? ['tick'] : [])];
  return { exports, imports: [...uses].sort() };
}

async function build(project, out) {
  const stage = join(project, 'build', 'js');
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(join(stage, 'weir/sdk/js'), { recursive: true });
  const { main, typed } = await sources(project, stage);
  cpSync(join(project, 'package.json'), join(stage, 'package.json'));
  for (const part of ['package.json', 'index.js', 'emit.js', 'http.js', 'state.js', 'verdicts.js', 'lib']) {
    cpSync(join(sdk, part), join(stage, 'weir/sdk/js', part), { recursive: true });
  }
  const contract = newest(project);
  const found = await interfaces(stage, main, typed);

  const uses = ['host', ...found.imports];
  const entry = `${uses.map((name) => `import * as ${name} from 'weir:plugin/${name}@${contract.version}';`).join('\n')}
import { component } from './weir/sdk/js/lib/component.js';
import plugin from './${main}';

const typed = new Set(${JSON.stringify(typed)});
const place = (file) => {
  const at = file.lastIndexOf('src/');
  if (at < 0 || file.includes('/weir/sdk/js/')) return undefined;
  const typescript = file.slice(at).replace(/\\.js$/, '.ts');
  return typed.has(typescript) ? typescript : file.slice(at);
};
export const { ${found.exports.join(', ')} } = component(plugin, { ...host${found.imports.map((name) => `, ${name}`).join('')} }, place);
`;
  writeFileSync(join(stage, 'entry.js'), entry);
  const wit = join(stage, 'wit');
  cpSync(contract.folder, join(wit, 'deps/weir-plugin'), { recursive: true, dereference: true });
  // these interfaces and no others, so that a plugin needs of weir what it uses
  const world = [
    ...uses.map((name) => `import weir:plugin/${name}@${contract.version};`),
    ...found.exports.map((name) => `export weir:plugin/${name}@${contract.version};`),
  ];
  writeFileSync(join(wit, 'world.wit'), `package weir:built;\n\nworld built {\n${world.map((line) => `  ${line}\n`).join('')}}\n`);

  const qjs = await import(pathToFileURL(tool(project, 'componentize-qjs')));
  const path = join(stage, 'entry.js');
  const options = { witPath: wit, world: 'built', jsSource: entry, jsPath: path, moduleRoot: project, stubWasi: true, sync: true };
  try {
    writeFileSync(out, (await (qjs.componentize ?? qjs.default.componentize)(options)).component);
  } catch (error) {
    // Node.js has resolved it above
    const [, wanted, file] = /failed to resolve JavaScript import "([^"]+)" from (\S+)/.exec(error?.message) ?? [];
    throw wanted ? new Told(`${file}: it imports "${wanted}", and a plugin has nothing of Node.js`) : error;
  }
}

const given = process.argv.slice(2);
const at = given.indexOf('--out');
const out = at < 0 ? undefined : given.splice(at, 2)[1];
const project = realpathSync(given[0] ?? '.');
try {
  if (!statSync(join(project, 'package.json'), { throwIfNoEntry: false })) throw new Told(`there is no package.json in ${project}`);
  await build(project, resolve(out ?? join(project, 'build/plugin.wasm')));
} catch (error) {
  const stage = join(project, 'build', 'js') + '/';
  let text = error instanceof Told ? error.message : String(error?.stack ?? error);
  // the author's own frames, where there are any: what loads them is no news
  const lines = text.split('\n');
  const own = lines.filter((line) => !/^\s+at /.test(line) || /src\/|\/build\/js\/src\//.test(line));
  if (own.length > 1 && own.length < lines.length) text = own.join('\n');
  console.error(text.replaceAll(pathToFileURL(stage).href, '').replaceAll(stage, '').trimEnd());
  process.exitCode = 1;
}
