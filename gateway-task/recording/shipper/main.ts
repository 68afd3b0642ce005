import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { makeLog } from '#gateway/log.ts';
import { ProcessLock, shipperLockName } from '../process-lock.ts';
import { Shipper } from './shipper.ts';

/**
 * The process beside the gateway that ships what the spool holds. It ends when the gateway has gone (its
 * standard input is at an end) and everything is shipped; signals that mean the gateway do not end it.
 */
const { values } = parseArgs({
  options: {
    spool: { type: 'string' },
    recordings: { type: 'string' },
    fsync: { type: 'boolean', default: false },
  },
});
if (values.spool === undefined || values.recordings === undefined) {
  process.stderr.write('usage: shipper --spool DIR --recordings DIR [--fsync]\n');
  process.exit(2);
}

const log = makeLog('shipper');
const lockMs = 500;

let orphaned = false;
process.stdin.on('end', () => {
  orphaned = true;
});
process.stdin.on('error', () => {
  orphaned = true;
});
process.stdin.resume();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

mkdirSync(values.spool, { recursive: true, mode: 0o700 });
mkdirSync(values.recordings, { recursive: true, mode: 0o700 });

// Two shippers never work on one spool. Whoever waits takes over when the other is gone.
const lockPath = join(values.spool, shipperLockName);
let lock = ProcessLock.take(lockPath);
while (lock === undefined) {
  await sleep(lockMs);
  lock = ProcessLock.take(lockPath);
}

const shipper = new Shipper({
  spoolDir: values.spool,
  recordingsDir: values.recordings,
  fsync: values.fsync,
  onFault: (message, fields) => log.error(fields, message),
});
await shipper.run(() => orphaned);
lock.release();
// Standard input may be open still where it was never a pipe.
process.exit(0);
