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
    exec: async (command, input = '') => {
      const channel = await new Promise<ClientChannel>((resolve, reject) =>
        client.exec(command, (error, opened) => (error ? reject(error) : resolve(opened))),
      );
      let stdout = '';
      let stderr = '';
      let code: number | null = null;
      channel.on('data', (data: Buffer) => (stdout += data));
      channel.stderr.on('data', (data: Buffer) => (stderr += data));
      channel.once('exit', (status: number | null) => {
        code = status;
      });
      channel.on('error', () => {});
      const end = once(channel, 'close');
      channel.end(input);
      await end;
      return { code, stdout, stderr };
    },
    [Symbol.asyncDispose]: async () => {
      client.end();
      await closed;
    },
  };
}
