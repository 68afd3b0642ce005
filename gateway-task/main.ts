import { ConfigError, readConfig } from './config.ts';
import { makeLog } from './log.ts';
import { GatewayTask } from './task.ts';

/** A task has this long for statements in flight, and is gone well before its platform's own limit. */
const drainMs = 60_000;
const exitMs = 110_000;

const log = makeLog('gateway');

let task: GatewayTask;
try {
  task = new GatewayTask(readConfig(process.env), log);
  await task.start();
} catch (error) {
  if (error instanceof ConfigError) process.stderr.write(`${error.message}\n`);
  else log.fatal({ err: error }, 'the gateway could not start');
  process.exit(1);
}

let asked = 0;
const stop = (signal: string): void => {
  asked += 1;
  if (asked === 2) {
    log.warn({ signal }, 'told twice: ending sessions at once');
    task.hurry();
  }
  if (asked > 2) process.exit(1);
  if (asked > 1) return;
  log.info({ signal, sessions: task.sessions }, 'draining: no new sessions, statements in flight may finish');
  setTimeout(() => {
    log.error('could not end in time');
    process.exit(1);
  }, exitMs).unref();
  task.stop(drainMs).then(
    () => process.exit(0),
    error => {
      log.error({ err: error }, 'the gateway did not end in good order');
      process.exit(1);
    },
  );
};
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
// What nobody caught may have left anything in any state: evidence that may be wrong is worse than an end.
process.on('uncaughtException', error => {
  log.fatal({ err: error }, 'uncaught');
  process.exit(1);
});
process.on('unhandledRejection', error => {
  log.fatal({ err: error }, 'unhandled rejection');
  process.exit(1);
});
