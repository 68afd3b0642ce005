/**
 * What recording costs the gateway's own thread: microseconds for a small statement, MB/s and MB per CPU
 * second for bulk results, and what the shipper adds in its process.
 *
 *     node bench/recording.ts [--fsync]
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Journal } from '#gateway/recording/journal.ts';
import type { SessionRecorder } from '#gateway/recording/recorder.ts';
import { Shipper } from '#gateway/recording/shipper/shipper.ts';
import { SessionFolder } from '#lib/evidence/folder.ts';
import { readSession } from '#lib/evidence/reader.ts';

const fsync = process.argv.includes('--fsync');
const statements = fsync ? 20_000 : 200_000;
const bulkBytes = 512 * 1024 * 1024;

const dir = mkdtempSync(join(tmpdir(), 'sallyport-bench-'));
const [spoolDir, recordingsDir] = [join(dir, 'spool'), join(dir, 'recordings')];
try {
  const journal = await Journal.open({ dir: spoolDir, taskId: 'bench', maxBytes: 16 * 1024 ** 3, fsync });
  const ids = Array.from({ length: 64 }, () => randomUUID());
  const sessions = ids.map(id =>
    journal.openSession(id, {
      protocol: 'postgres',
      principal: { issuer: 'i', subject: 's', name: 'bench', kind: 'service', groups: [], expiresAt: 0 },
      target: 'shop',
      clientAddress: '127.0.0.1:1',
    }),
  );

  // Once to warm up.
  for (const atOnce of [8, 1, 8, 64]) {
    const spent = await measure(() => run(sessions.slice(0, atOnce), statements));
    const label = `small statement, ${atOnce} at once`;
    print(
      label,
      `${((spent.wallMs * 1000) / statements).toFixed(2)} us, CPU ${((spent.cpuMs * 1000) / statements).toFixed(2)} us`,
    );
  }
  const chunk = rows();
  const spent = await measure(() => bulk(sessions[0]!, chunk));
  const mb = bulkBytes / 1e6;
  print(
    'bulk result',
    `${((mb / spent.wallMs) * 1000).toFixed(0)} MB/s, ${((mb / spent.cpuMs) * 1000).toFixed(0)} MB per CPU second`,
  );

  for (const session of sessions) session.end('{"how":"closed"}');
  await journal.close();
  const spooled = bytesUnder(spoolDir);
  const recorded = mb + (statements * 4 * 300) / 1e6;
  const shipper = new Shipper({ spoolDir, recordingsDir, fsync, onFault: text => console.error(text) });
  const shipping = await measure(() => shipper.pass());
  print('shipper', `${((recorded / shipping.cpuMs) * 1000).toFixed(0)} MB of traffic per CPU second`);
  print(
    'stored',
    `${(spooled / 1e6).toFixed(0)} MB of spool, ${(bytesUnder(recordingsDir) / 1e6).toFixed(0)} MB of segments, of ${recorded.toFixed(0)} MB`,
  );
  const reading = await measure(() => readAll(ids[0]!));
  print('reading and verifying', `${((mb / reading.wallMs) * 1000).toFixed(0)} MB/s`);
  print('largest memory', `${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`);
} finally {
  rmSync(dir, { recursive: true, force: true });
}

/** Sessions that each send the next statement when the last one is recorded and answered. */
function run(sessions: readonly SessionRecorder[], total: number): Promise<void> {
  const client = Buffer.alloc(80, 'q');
  const server = Buffer.alloc(200, 'r');
  const command = `{"decision":1,"sha256":"${'0'.repeat(64)}","bytes":74,"level":"local","kind":"simple"}`;
  let left = total;
  return new Promise((resolve, reject) => {
    for (const session of sessions) {
      const next = (failure?: Error): void => {
        if (failure) reject(failure);
        session.serverBytes(server);
        if (left-- <= 0) {
          resolve();
          return;
        }
        session.clientBytes(client);
        session.command(command, false);
        session.whenDurable(next);
      };
      next();
    }
  });
}

async function bulk(session: SessionRecorder, chunk: Buffer): Promise<void> {
  for (let done = 0; done < bulkBytes; done += chunk.length) {
    session.serverBytes(chunk);
    await new Promise(setImmediate);
  }
  await new Promise<void>(resolve => session.whenDurable(() => resolve()));
}

/** 64 KiB of rows as a table has them: alike, and never the same. */
function rows(): Buffer {
  let text = '';
  for (let id = 1; text.length < 65_536; id++) {
    const hash = ((id * 2_654_435_761) % 2 ** 32).toString(16);
    text += `D\0\0${id}|customer ${hash}|${hash}@example.com|2026-01-${(id % 28) + 1}|${(id * 7_919) % 100_000}\n`;
  }
  return Buffer.from(text.slice(0, 65_536));
}

async function readAll(id: string): Promise<void> {
  for await (const event of readSession(new SessionFolder(recordingsDir, id))) {
    if (event.kind === 'fault') throw event.fault;
  }
}

async function measure(work: () => Promise<unknown>): Promise<{ wallMs: number; cpuMs: number }> {
  const [start, before] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(before);
  return { wallMs: performance.now() - start, cpuMs: (user + system) / 1000 };
}

function bytesUnder(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile());
  return files.reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

function print(label: string, text: string): void {
  process.stdout.write(`${label.padEnd(32)}${text}\n`);
}
