import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Cipher, cipherNames, ciphers, runStock } from '../client.ts';
import type { SshContext, SshWorkload } from '../workload.ts';

type Program = 'scp' | 'sftp';
type Direction = 'down' | 'up';

export const largeFile = (folder: string) => join(folder, 'large');

/**
 * A large file by a stock client's whole command, sign-in included, and what arrived is compared. scp is OpenSSH's
 * of today, which speaks SFTP (`-s` says so also to those where it is not the default).
 */
const transfer = (program: Program, direction: Direction, cipher: Cipher): SshWorkload => {
  const load = transferLoad(program, direction, cipher);
  return {
    load,
    measure: async (leg, context) => {
      const here = largeFile(context.folder);
      const there = largeFile(context.remote);
      const arrived = `${direction === 'down' ? here : there}-arrived`;
      const chosen = ['-o', `Ciphers=${ciphers[cipher]}`];
      const batch = join(context.folder, 'batch');
      const command = direction === 'down' ? `get ${there} ${arrived}` : `put ${here} ${arrived}`;
      await writeFile(batch, `${command}\n`);
      const [from, to] = direction === 'down' ? [`target:${there}`, arrived] : [here, `target:${arrived}`];
      const args =
        program === 'scp' ? ['-s', '-q', ...chosen, from, to] : ['-q', ...chosen, '-b', batch, 'target'];
      const run = await runStock(program, leg, args, context);
      await compare(arrived, context);
      const megabytes = context.bytes / 1e6;
      return [
        { quantity: 'bulkRate', load, value: megabytes / run.seconds },
        ...(leg.pids.length === 0
          ? []
          : ([
              { quantity: 'cpuPerMegabyte', load, value: run.cpuUs / 1000 / megabytes },
              { quantity: 'gatewayCpuPerMegabyte', load, value: run.gatewayCpuUs / 1000 / megabytes },
            ] as const)),
      ];
    },
  };
};

export const transferLoad = (program: Program, direction: Direction, cipher: Cipher) =>
  `${program} ${direction}, ${cipher}`;

export const transfers: readonly SshWorkload[] = cipherNames.flatMap(cipher =>
  (['scp', 'sftp'] as const).flatMap(program =>
    (['down', 'up'] as const).map(direction => transfer(program, direction, cipher)),
  ),
);

export const transferLoads = transfers.map(each => each.load);

/** @returns the load's parts, for the goals */
export const transferLoadsOf = (program: Program) => transferLoads.filter(load => load.startsWith(program));

/** A file of bytes that do not compress, as archives and images don't; at both ends. */
export async function writeLargeFile(
  context: Pick<SshContext, 'folder' | 'remote' | 'bytes'>,
): Promise<void> {
  const file = largeFile(context.folder);
  await writeFile(file, incompressible(context.bytes));
  await copyFile(file, largeFile(context.remote));
}

function* incompressible(bytes: number): Generator<Buffer> {
  const piece = 1024 * 1024;
  for (let done = 0; done < bytes; done += piece) {
    const left = Math.min(piece, bytes - done);
    // As good as random, cheap, and the same in every run.
    yield createHash('shake256', { outputLength: left }).update(`large ${done}`).digest();
  }
}

async function compare(arrived: string, context: SshContext): Promise<void> {
  const [wanted, found] = await Promise.all([digest(largeFile(context.folder)), digest(arrived)]);
  if (wanted !== found) throw new Error(`${arrived} is not what was sent`);
  await rm(arrived);
}

async function digest(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1024 * 1024 }), hash);
  return hash.digest('hex');
}
