/**
 * One embedded stack for all integration tests of a run, started when the first of them asks for it. Tests that
 * kill, fill or reconfigure things start one of their own with `ownStack`.
 */
import { spawn } from 'node:child_process';
import { mkdir, open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ReadyFile } from '#local/ready-file.ts';
import { type Stack, type StackOptions, startStack } from '#local/stack.ts';
import { places, runFolderVariable } from './run-folder.ts';
import { temporaryFolder } from './temporary-folder.ts';

const program = fileURLToPath(new URL('shared-stack-process.ts', import.meta.url));
const startWithinMs = 120_000;

/** @throws Error with the reason when the stack could not be started */
export async function sharedStack(): Promise<ReadyFile> {
  const folder = process.env[runFolderVariable];
  if (folder === undefined) throw new TypeError(`${runFolderVariable} is not set: run through jest`);
  const at = places(folder);
  if (await claimed(at.claim)) await launch(folder, at.log);
  for (const deadline = Date.now() + startWithinMs; Date.now() < deadline; await sleep(50)) {
    const ready = await text(at.ready);
    if (ready !== undefined) return JSON.parse(ready) as ReadyFile;
    const failure = await text(at.failure);
    if (failure !== undefined) throw new Error(`the shared stack did not start: ${failure}`);
  }
  throw new Error(`the shared stack is not ready after ${startWithinMs} ms: ${await text(at.log)}`);
}

/** True for the first of all workers. */
const claimed = (path: string) =>
  mkdir(path).then(
    () => true,
    () => false,
  );

async function launch(folder: string, log: string): Promise<void> {
  const output = await open(log, 'a');
  const child = spawn(process.execPath, [program, folder], {
    detached: true,
    stdio: ['ignore', output.fd, output.fd],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  child.unref();
  await output.close();
}

const text = (path: string) => readFile(path, 'utf8').catch(() => undefined);

export interface OwnStack extends AsyncDisposable {
  readonly stack: Stack;
  readonly dataDir: string;
}

/** A stack that is gone, data and all, with its scope (`await using`). */
export async function ownStack(options: Omit<StackOptions, 'dataDir'> = {}): Promise<OwnStack> {
  const folder = await temporaryFolder('stack');
  const dataDir = join(folder.path, 'data');
  try {
    const built = options.gatewayFile ?? (await sharedGateway());
    const stack = await startStack({ ...options, ...(built && { gatewayFile: built }), dataDir });
    const dispose = async () => {
      await stack.stop();
      await folder[Symbol.asyncDispose]();
    };
    return { stack, dataDir, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}

/** The gateway that the shared stack of this run has built already. */
async function sharedGateway(): Promise<string | undefined> {
  const folder = process.env[runFolderVariable];
  if (folder === undefined) return undefined;
  const file = join(places(folder).data, 'gateway', 'main.mjs');
  const ready = await stat(places(folder).ready).catch(() => undefined);
  return ready === undefined ? undefined : file;
}
