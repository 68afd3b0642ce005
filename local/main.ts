/** `npm start`: runs the embedded stack until somebody ends it. */
import { constants } from 'node:os';
import { announce, withdraw } from './announce.ts';
import { explain } from './explain.ts';
import { readOptions, type StartOptions } from './options.ts';
import { readyPeople } from './ready-file.ts';
import { renderScreen } from './screen.ts';
import { type Stack, startStack } from './stack.ts';

/** A terminal's Ctrl-C arrives more than once: from the terminal itself, and from npm, which passes it on. */
const sameKeyPressMs = 400;
const stopWithinMs = 15_000;
/** Tokens are good for a day; well before that there are new ones. */
const refreshMs = 12 * 3600 * 1000;
/** A gateway that ends this often in a minute is not started again. */
const maxRestarts = 5;

const began = Date.now();
const seconds = () => `${((Date.now() - began) / 1000).toFixed(1)} s`;
const say = (line: string) => process.stdout.write(`[${seconds().padStart(7)}] ${line}\n`);
// A terminal that is gone is no reason to end in disorder.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

const options = readOptions(process.argv.slice(2), process.env['INIT_CWD'] ?? process.cwd());
if (typeof options === 'number') process.exit(options);
await main(options);

async function main(options: StartOptions): Promise<void> {
  let stack: Stack | undefined;
  let endingSince: number | undefined;

  const end = async (status: number) => {
    if (endingSince !== undefined) return;
    endingSince = Date.now();
    // Still starting: what runs already is ended by its guard (child.ts).
    if (stack === undefined) {
      say('stopped before everything was started');
      process.exit(status);
    }
    say('stopping ...');
    setTimeout(() => process.exit(1), stopWithinMs).unref();
    try {
      await withdraw(options.dataDir, options.readyFile);
      await stack.stop();
      say('stopped');
    } catch (error) {
      say(`did not stop as it should: ${(error as Error).message}`);
      process.exit(1);
    }
    process.exit(status);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (endingSince !== undefined && Date.now() - endingSince > sameKeyPressMs) {
        process.exit(128 + constants.signals[signal]);
      }
      void end(stack === undefined ? 128 + constants.signals[signal] : 0);
    });
  }
  // The one who started this (bootstrap.mjs) is gone, by SIGKILL perhaps.
  if (process.channel) process.on('disconnect', () => void end(1));

  try {
    stack = await startStack({
      dataDir: options.dataDir,
      portBase: options.portBase,
      reset: options.reset,
      onProgress: say,
      onLocked: () => withdraw(options.dataDir, options.readyFile),
      ...(options.config === undefined ? {} : { config: options.config }),
    });
    await announce(stack.ready, options.readyFile);
  } catch (error) {
    for (const line of explain(error, options)) process.stderr.write(`sallyport: ${line}\n`);
    if (process.env['SALLYPORT_DEBUG']) console.error(error);
    await stack?.stop();
    process.exit(1);
  }
  const context = {
    cwd: process.cwd(),
    path: process.env['PATH'] ?? '',
    seconds: seconds(),
    sshHost: stack.ssh?.sample.about,
  };
  process.stdout.write(renderScreen(stack.ready, context));

  const running = stack;
  const refresh = async () => {
    const people = await readyPeople(running.identity);
    const gateway = { ...running.ready.gateway, pid: running.gateway.pid ?? 0 };
    await announce({ ...running.ready, people, gateway }, options.readyFile);
  };
  setInterval(() => void refresh().catch(error => say(`tokens: ${error.message}`)), refreshMs).unref();
  void running.postgres.child.exited.then(() => {
    if (endingSince === undefined) say('the sample PostgreSQL ended; start again to have it back');
  });
  void running.ssh?.sample.server.child.exited.then(() => {
    if (endingSince === undefined) say('the sample SSH host ended; start again to have it back');
  });
  await keepGateway(running, () => endingSince !== undefined, refresh);
  if (endingSince === undefined) await end(1);
}

/** Starts the gateway again when it ends by itself, as its platform would. Returns when that is given up. */
async function keepGateway(stack: Stack, ending: () => boolean, restarted: () => Promise<void>) {
  const restarts: number[] = [];
  for (;;) {
    const { code, signal } = await stack.gateway.exited;
    if (ending()) return;
    restarts.push(Date.now());
    if (restarts.filter(at => Date.now() - at < 60_000).length > maxRestarts) {
      say(`the gateway keeps ending; its log: ${stack.ready.paths.gatewayLog}`);
      return;
    }
    say(`the gateway ended (${signal ?? `status ${code}`}); starting it again`);
    try {
      await stack.gateway.start();
      await restarted();
      say('the gateway serves again');
    } catch (error) {
      say((error as Error).message);
      return;
    }
  }
}
