import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { median } from '../../statistics.ts';
import { timed } from '../client.ts';
import type { SshWorkload } from '../workload.ts';

const run = promisify(execFile);
const SESSIONS = 15;

/** `ssh target true`, one after another: key exchange, sign-in by certificate, one command. */
const setUp: SshWorkload = {
  load: 'set-up',
  measure: async (leg, context) => {
    const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' };
    const found: number[] = [];
    const { cpuUs } = await timed(leg, context, async () => {
      for (let done = 0; done < SESSIONS; done += 1) {
        const began = performance.now();
        await run('ssh', ['-F', leg.config, 'target', 'true'], { env, signal: context.signal });
        found.push(performance.now() - began);
      }
    });
    const time = { quantity: 'sessionTime', load: 'set-up', value: median(found) } as const;
    if (leg.pids.length === 0) return [time];
    return [time, { quantity: 'sessionCpu', load: 'set-up', value: cpuUs / 1000 / SESSIONS }];
  },
};

export const sshSignIns: readonly SshWorkload[] = [setUp];
