import { expect, test } from '@jest/globals';
import type { Gate } from '#gateway/pipeline/gate.ts';
import { Channel } from '#gateway/protocols/ssh/channel.ts';
import { ConnectionLayer } from '#gateway/protocols/ssh/connection-layer.ts';
import { FileChannel } from '#gateway/protocols/ssh/file-channel.ts';
import { Window } from '#gateway/protocols/ssh/window.ts';

/** A channel whose recording and whose two ends are lists. */
function given() {
  const recorded: string[] = [];
  const sent: string[] = [];
  const note = (kept: Buffer, message: Buffer): void => {
    recorded.push(kept.toString());
    sent.push(message.subarray(9).toString());
  };
  const gate = {
    carry: (bytes: Buffer, message: Buffer) => note(bytes, message),
    reply: (message: Buffer, bytes: Buffer) => note(bytes, message),
  } as unknown as Gate;
  const channel = new Channel(0, 1, 'session');
  channel.clientId = 5;
  channel.targetId = 6;
  channel.clientPacket = 1_024;
  channel.targetPacket = 1_024;
  channel.toTarget = new Window(1_000_000, 0);
  channel.toClient = new Window(1_000_000, 0);
  return { port: new FileChannel(new ConnectionLayer(gate), channel, 'sftp'), recorded, sent };
}

test('what policy wants only the digest of passes, and is not recorded', () => {
  const { port, recorded, sent } = given();
  const bytes = Buffer.from('head SECRET head MORE');

  port.withhold(bytes.subarray(5, 11));
  port.withhold(bytes.subarray(17));
  port.toTarget(bytes);
  port.withhold(bytes.subarray(0, 4));
  port.toClient(bytes.subarray(0, 11));

  expect(sent).toEqual(['head SECRET head MORE', 'head SECRET']);
  expect(recorded).toEqual(['head  head ', ' SECRET']);
});

test('what is withheld is withheld once', () => {
  const { port, recorded } = given();
  const bytes = Buffer.from('SECRET');

  port.withhold(bytes);
  port.toTarget(bytes);
  port.toTarget(bytes);

  expect(recorded).toEqual(['', 'SECRET']);
});

test('a message cut into pieces withholds the same bytes', () => {
  const { port, recorded } = given();
  const bytes = Buffer.concat([Buffer.from('a'), Buffer.alloc(3_000, 'S'), Buffer.from('b')]);

  port.withhold(bytes.subarray(1, 3_001));
  port.toTarget(bytes);

  expect(recorded.join('')).toBe('ab');
});
