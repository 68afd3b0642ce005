import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runStock } from '../client.ts';
import type { SshWorkload } from '../workload.ts';

export const SMALL_FILES = 1_000;
const SMALL_BYTES = 1024;

const smallFiles = (direction: 'down' | 'up'): SshWorkload => {
  const load = `sftp, 1,000 files ${direction}`;
  return {
    load,
    measure: async (leg, context) => {
      const [here, there] = [join(context.folder, 'small'), join(context.remote, 'small')];
      const [from, to] = direction === 'down' ? [there, here] : [here, there];
      for (const folder of [from, to]) await mkdir(folder, { recursive: true });
      const names = Array.from({ length: SMALL_FILES }, (_, index) => `file-${index}`);
      for (const name of names) await writeFile(join(from, name), name.padEnd(SMALL_BYTES, '.'));
      const verb = direction === 'down' ? 'get' : 'put';
      const batch = join(context.folder, 'batch-small');
      await openToAll(context.remote, to);
      await writeFile(batch, names.map(name => `${verb} ${join(from, name)} ${join(to, name)}\n`).join(''));
      const run = await runStock('sftp', leg, ['-q', '-b', batch, 'target'], context);
      const arrived = await readdir(to);
      if (arrived.length !== SMALL_FILES)
        throw new Error(`${arrived.length} of ${SMALL_FILES} files arrived`);
      for (const folder of [from, to]) await rm(folder, { recursive: true });
      return [
        { quantity: 'fileRate', load, value: SMALL_FILES / run.seconds },
        ...(leg.pids.length === 0
          ? []
          : [{ quantity: 'cpuPerFile', load, value: run.cpuUs / SMALL_FILES } as const]),
      ];
    },
  };
};

/** The target's account is another one where root runs this. */
async function openToAll(remote: string, folder: string): Promise<void> {
  if (!folder.startsWith(`${remote}/`)) return;
  await chmod(folder, 0o777);
}

export const smallFileTransfers: readonly SshWorkload[] = [smallFiles('up'), smallFiles('down')];
export const smallFileLoads = smallFileTransfers.map(each => each.load);
