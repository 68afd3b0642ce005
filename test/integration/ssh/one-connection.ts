import { once } from 'node:events';
import { Client, type ClientChannel } from 'ssh2';
import type { ProgramEnd } from '../../harness/program.ts';
import type { PersonName } from '../support/test-stack.ts';
import type { SshStack } from './ssh-stack.ts';

/** One connection of the ssh2 package's client, on which programs run beside and after one another. */
export interface OneConnection extends AsyncDisposable {
  exec(command: string, input?: string): Promise<ProgramEnd>;
}

/** To web-1 as a person, by the token; closed with its scope (`await using`). */
export async function connect(sut: SshStack, person: PersonName): Promise<OneConnection> {
  const { host, port } = sut.stack.ready.gateway.ssh!;
  const client = new Client();
  const ready = once(client, 'ready');
  const closed = new Promise<void>(resolve => {
    client.on('close', () => resolve());
  });
  client.connect({ host, port, username: 'web-1', password: sut.stack.ready.people[person]!.token });
  await ready;
  client.on('error', () => {});
  return {
    exec: (command, input = '') =>
      new Promise<ProgramEnd>((resolve, reject) =>
        // All of it may come in one piece: whoever listens a turn later has missed it.
        client.exec(command, (error, channel) => (error ? reject(error) : resolve(endOf(channel, input)))),
      ),
    [Symbol.asyncDispose]: async () => {
      client.end();
      await closed;
    },
  };
}

async function endOf(channel: ClientChannel, input: string): Promise<ProgramEnd> {
  let stdout = '';
  let stderr = '';
  let code: number | null = null;
  channel.on('data', (data: Buffer) => (stdout += data));
  channel.stderr.on('data', (data: Buffer) => (stderr += data));
  channel.once('exit', (status: number | null) => {
    code = status;
  });
  channel.on('error', () => {});
  const closed = once(channel, 'close');
  channel.end(input);
  await closed;
  return { code, stdout, stderr };
}
