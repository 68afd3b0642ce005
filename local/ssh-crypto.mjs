/**
 * Builds the native half of ssh2's cryptography for the pinned Node.js, which makes SSH through the gateway two to
 * three times cheaper. Its own install script would build it for whatever Node.js runs npm, and would fetch headers from
 * elsewhere; the npm package of the pinned Node.js has them. Where it cannot be built, SSH runs in JavaScript.
 *
 * Plain JavaScript for Node.js 20, as bootstrap.mjs.
 */
import { spawn } from 'node:child_process';
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

/** How it is built; what was built in another way is built again. */
const wrapping = 'wrapped by nan';
/** Compiling takes some ten seconds. */
const limitMs = 180_000;
/** Each of them by any of its names. */
const compilers = [['python3'], ['make', 'gmake'], ['g++', 'c++', 'clang++']];

/**
 * Builds it unless it is there.
 *
 * @param options see ssh-crypto.d.mts
 * @returns why SSH runs in JavaScript, with the way out; undefined when it need not
 */
export async function buildSshCrypto({ root, findNpm, say }) {
  const modules = join(root, 'node_modules');
  const home = join(modules, 'ssh2', 'lib', 'protocol', 'crypto');
  const version = versionOf(join(modules, 'node'));
  if (version === undefined || !existsSync(join(home, 'binding.gyp'))) return 'the packages are not complete';
  const release = join(home, 'build', 'Release');
  const stamp = join(release, 'built-for');
  const target = `node ${version} ${process.platform}-${process.arch} ${wrapping}`;
  if (readText(stamp) === target) return undefined;

  const npm = findNpm();
  const missing = compilers.filter(names => !names.some(name => findProgram(name, npm.env)));
  if (missing.length > 0) {
    const list = missing.map(([name]) => name).join(', ');
    return `there is no ${list} to build the native half with (Debian, Ubuntu: apt-get install python3 make g++)`;
  }
  try {
    // Who may not write there would build for nothing.
    mkdirSync(release, { recursive: true });
    accessSync(release, constants.W_OK);
  } catch {
    return `${release} may not be written`;
  }

  say('Building the native half of SSH for the pinned Node.js; once, some ten seconds ...');
  const work = mkdtempSync(join(tmpdir(), 'sallyport-ssh-crypto-'));
  try {
    const built = await build({ work, home, modules, version, npm });
    // Copied beside its place first: whoever loads it meets the old one or the new one, whole.
    const draft = join(release, `sshcrypto.${process.pid}.tmp`);
    cpSync(built, draft);
    renameSync(draft, join(release, 'sshcrypto.node'));
    writeFileSync(stamp, target);
    return undefined;
  } catch (error) {
    return error.message;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function build({ work, home, modules, version, npm }) {
  const gyp = findGyp(npm);
  if (gyp === undefined) throw new Error('npm came without node-gyp (Debian: apt-get install node-gyp)');
  // As the packages of the `node` package are called.
  const prefix = process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node';
  const name = `${prefix}-${process.platform}-${process.arch}@${version}`;
  const packed = await run(
    npm.command,
    [...npm.first, 'pack', name, '--prefer-offline', '--silent', '--fetch-retries=0'],
    {
      cwd: work,
      env: npm.env,
      failure: `the headers of Node.js (npm package ${name}) cannot be had; start again with a network`,
    },
  );
  const archive = packed.trim().split('\n').at(-1);
  await run('tar', ['-xzf', archive, 'package/include'], {
    cwd: work,
    env: npm.env,
    failure: `the npm package ${name} has no headers`,
  });
  const source = join(work, 'crypto');
  cpSync(home, source, { recursive: true, filter: from => from !== join(home, 'build') });
  wrapByNan(join(source, 'src', 'binding.cc'));
  const node = join(modules, 'node', 'bin');
  await run(join(node, 'node'), [gyp, 'rebuild', `--real_openssl_major=${opensslMajor(work)}`], {
    cwd: source,
    env: {
      ...npm.env,
      PATH: `${node}${delimiter}${npm.env.PATH ?? ''}`,
      // binding.gyp asks for a package from here, where it is not below node_modules.
      NODE_PATH: modules,
      npm_config_nodedir: join(work, 'package'),
    },
    failure: 'the native half does not build',
  });
  return join(source, 'build', 'Release', 'sshcrypto.node');
}

/**
 * Has what is made of the source wrap its objects by nan's class instead of Node.js' own. The destructor of the latter
 * asks for the environment of the running JavaScript, and ends the process where the collector runs while there is
 * none (github.com/nodejs/node/issues/65262, github.com/DataDog/pprof-nodejs/pull/385): every session with it.
 */
function wrapByNan(file) {
  const text = readFileSync(file, 'utf8');
  const wrapped = text.replace(/(?<![\w:])ObjectWrap\b/g, 'Nan::ObjectWrap');
  if (wrapped === text || /node::ObjectWrap|node_object_wrap/.test(text)) {
    throw new Error('the native half is not written as this script knows it');
  }
  writeFileSync(file, wrapped);
}

/** Of the OpenSSL whose headers come with Node.js. */
function opensslMajor(work) {
  const header = readText(join(work, 'package', 'include', 'node', 'openssl', 'opensslv.h')) ?? '';
  return /define OPENSSL_VERSION_MAJOR\s+(\d+)/.exec(header)?.[1] ?? '3';
}

/** The node-gyp that npm brings, or Debian's beside Debian's npm. */
function findGyp({ command, first, env }) {
  const found = first[0] ?? findProgram(command, env);
  if (found === undefined) return undefined;
  const home = dirname(dirname(realpathSync(found)));
  return [join(home, 'node_modules'), dirname(home)]
    .map(folder => join(folder, 'node-gyp', 'bin', 'node-gyp.js'))
    .find(file => existsSync(file));
}

function findProgram(name, env) {
  return (env.PATH ?? '')
    .split(delimiter)
    .filter(folder => folder !== '')
    .map(folder => join(folder, name))
    .find(file => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

function versionOf(folder) {
  const text = readText(join(folder, 'package.json'));
  return text === undefined || !existsSync(join(folder, 'bin', 'node'))
    ? undefined
    : JSON.parse(text).version;
}

function readText(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** What a program prints. @throws Error with `failure` and the last line that matters of what it said */
function run(command, args, { cwd, env, failure }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: limitMs });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', chunk => {
      stdout = (stdout + chunk).slice(-20_000);
    });
    child.stderr.on('data', chunk => {
      stderr = (stderr + chunk).slice(-20_000);
    });
    child.once('error', error => reject(new Error(`${failure}: ${error.message}`)));
    child.once('close', code => {
      if (code === 0) return resolve(stdout);
      const lines = `${stdout}\n${stderr}`.split('\n').map(line => line.trim());
      const said = lines.find(line => /\berror\b[: ]/i.test(line)) ?? lines.findLast(line => line !== '');
      reject(new Error(`${failure}${said ? ` (${said})` : ''}`));
    });
  });
}
