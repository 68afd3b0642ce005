/**
 * Stands where an SSH channel would: starts a file server's program and puts the gateway's interpreter between
 * it and its own standard streams, which a stock client has started it with.
 *
 *   node file-bridge.ts LOG REFUSED sftp PROGRAM
 *   node file-bridge.ts LOG REFUSED scp  [what ssh is given] HOST COMMAND
 *
 * REFUSED: what no object may have in it, or empty. LOG gets the rig's entries, one JSON array a line.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { scpStream } from '#gateway/protocols/ssh/scp/index.ts';
import { SftpStream } from '#gateway/protocols/ssh/sftp/sftp-stream.ts';
import { scpLine } from '../../unit/ssh/scp/scp-line.ts';
import { Rig } from '../../unit/ssh/sftp/rig.ts';

const [log, refused, kind, ...rest] = process.argv.slice(2);
const command = rest.at(-1)!;
const rig = new Rig({ refuses: (_, object) => refused !== '' && object.includes(refused!) });
const stream = kind === 'sftp' ? new SftpStream(rig) : scpStream(rig, scpLine(command));
const server = spawn('/bin/sh', ['-c', command], { stdio: ['pipe', 'pipe', 'inherit'] });

function flush(): void {
  server.stdin.write(rig.sent());
  process.stdout.write(rig.received());
  if (rig.of('clientDone').length > 0) server.stdin.end();
  if (rig.of('fail').length > 0) server.kill();
}

process.stdin.on('data', (chunk: Buffer) => {
  stream.fromClient(chunk);
  flush();
});
process.stdin.on('end', () => {
  stream.clientEnd();
  flush();
});
server.stdout.on('data', (chunk: Buffer) => {
  stream.fromServer(chunk);
  flush();
});
// Whoever has gone reads nothing any more.
server.stdin.on('error', () => {});
process.stdout.on('error', () => {});
server.on('close', code => {
  stream.serverEnd();
  flush();
  writeFileSync(log!, rig.entries.map(entry => `${JSON.stringify(entry)}\n`).join(''));
  process.exitCode = code ?? 1;
  process.stdin.destroy();
});
