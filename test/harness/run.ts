/**
 * `npm test`, `npm run test:long` and `npm run check`: format, lint, types and tests, and at the end one line
 * with the figures, `N passed, N failed`. Arguments go to jest, which then runs alone.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSshCrypto } from '#local/ssh-crypto.mjs';
import { summarise } from './summary.ts';
import { ensureTools } from './tools.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const modules = join(root, 'node_modules');
/** After its figures are written, jest ends at once unless a test left something open. */
const endWithinMs = 30_000;

const modes = {
  all: { tools: true, jest: [], env: {} },
  long: { tools: true, jest: [], env: { SALLYPORT_LONG: '1' } },
  check: { tools: false, jest: ['--selectProjects', 'unit'], env: {} },
} as const;

const say = (line: string) => process.stdout.write(`${line}\n`);

async function main(mode: keyof typeof modes, args: readonly string[]): Promise<number> {
  const { tools, jest, env } = modes[mode];
  const problems: string[] = [];
  if (tools) {
    try {
      ensureTools(say, mode === 'long');
      // bootstrap.mjs has tried; its compiler may be there only now, and what is deployed is what is tested.
      const findNpm = () => ({ command: 'npm', first: [], env: process.env });
      const why = await buildSshCrypto({ root, findNpm, say });
      if (why !== undefined) throw new Error(`the tests need the native half of SSH: ${why}`);
    } catch (error) {
      say(`sallyport: ${(error as Error).message}`);
      return 1;
    }
  }
  if (args.length === 0) {
    const biome = join(modules, '@biomejs', 'biome', 'bin', 'biome');
    if ((await run('format and lint', [biome, 'ci', '.'])) !== 0) problems.push('format and lint');
    const tsc = join(modules, 'typescript', 'bin', 'tsc');
    if ((await run('types', [tsc, '--noEmit', '-p', '.'])) !== 0) problems.push('types');
  }
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-figures-'));
  const figures = join(folder, 'jest.json');
  const options = ['--maxWorkers=2', '--ci', '--json', `--outputFile=${figures}`];
  const status = await run(
    'tests',
    [
      ...['--disable-warning=ExperimentalWarning', '--experimental-vm-modules'],
      ...[join(modules, 'jest', 'bin', 'jest.js'), ...options, ...jest, ...args],
    ],
    { ...env, NODE_OPTIONS: '--disable-warning=ExperimentalWarning --experimental-vm-modules' },
    figures,
  );
  const summary = summarise(readText(figures), { whole: args.length === 0 });
  rmSync(folder, { recursive: true, force: true });
  problems.push(...summary.problems);
  if (status !== 0 && summary.failed === 0) problems.push(`jest ended with ${status}`);
  for (const problem of problems) say(`failed: ${problem}`);
  say(`${summary.passed} passed, ${summary.failed} failed`);
  return problems.length > 0 || summary.failed > 0 ? 1 : 0;
}

/** Runs a program under this Node.js; what it prints is shown, save the figures that jest repeats. */
function run(
  what: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  figures?: string,
): Promise<number | string> {
  const began = Date.now();
  say(`--- ${what}`);
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`, ...env },
    stdio: ['ignore', figures === undefined ? 'inherit' : 'ignore', 'inherit'],
  });
  const forward = (signal: NodeJS.Signals) => child.kill(signal);
  process.on('SIGINT', forward).on('SIGTERM', forward);
  const late = figures === undefined ? undefined : endLate(figures, () => child.kill('SIGKILL'));
  return new Promise(resolve => {
    child.once('error', error => resolve(error.message));
    child.once('exit', (code, signal) => {
      clearInterval(late);
      process.off('SIGINT', forward).off('SIGTERM', forward);
      say(`--- ${what}: ${((Date.now() - began) / 1000).toFixed(1)} s`);
      resolve(code ?? String(signal));
    });
  });
}

/** Ends a jest that wrote its figures and stays. */
function endLate(figures: string, end: () => void): NodeJS.Timeout {
  let writtenAt: number | undefined;
  return setInterval(() => {
    if (writtenAt === undefined) {
      if (readText(figures) !== undefined) writtenAt = Date.now();
    } else if (Date.now() - writtenAt > endWithinMs) {
      say('jest does not end: a test left a server, a socket or a timer open');
      end();
    }
  }, 1000);
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

const [mode = 'all', ...args] = process.argv.slice(2);
if (!Object.hasOwn(modes, mode)) throw new TypeError(`no mode ${mode}`);
process.exit(await main(mode as keyof typeof modes, args));
