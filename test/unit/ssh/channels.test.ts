import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Channel } from '#gateway/protocols/ssh/channel.ts';
import { ChannelTable } from '#gateway/protocols/ssh/channel-table.ts';
import { SallyportError } from '#lib/errors.ts';

const codeOf = (action: () => unknown): string | undefined => {
  try {
    action();
    return undefined;
  } catch (error) {
    return error instanceof SallyportError ? error.code : String(error);
  }
};

describe('the channels of a session', () => {
  test('are found by their number, and no others', () => {
    const table = new ChannelTable();
    const channel = table.make('session')!;

    expect(table.get(channel.id)).toBe(channel);
    expect(codeOf(() => table.get(channel.id + 1))).toBe('protocolViolation');
    expect(codeOf(() => table.get(0xffff_ffff))).toBe('protocolViolation');
  });

  test('are open when both ends have said what they call them', () => {
    const table = new ChannelTable();
    const channel = table.make('session')!;
    const asked = () => [codeOf(() => table.ofClient(channel.id)), codeOf(() => table.ofTarget(channel.id))];

    channel.clientId = 0;
    const half = asked();
    channel.targetId = 0;

    expect(half).toEqual(['protocolViolation', 'protocolViolation']);
    expect(asked()).toEqual([undefined, undefined]);
  });

  test('are 1,024 at most, and one that goes makes room', () => {
    const table = new ChannelTable();
    const gone: Channel[] = [];
    table.onRemoved = channel => gone.push(channel);
    const all = Array.from({ length: 1_024 }, () => table.make('forward')!);

    expect(table.make('forward')).toBeUndefined();
    table.remove(all[17]!);
    table.remove(all[17]!);

    expect(gone).toEqual([all[17]]);
    expect(table.size).toBe(1_023);
    expect(table.make('forward')?.id).toBe(all[17]!.id);
    expect(table.make('forward')).toBeUndefined();
  });

  test('never share a number, and have streams of their own in the recording', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(40), { maxLength: 300 }), steps => {
        const table = new ChannelTable();
        const open: Channel[] = [];
        const streams = new Set<number>();
        for (const step of steps) {
          if (step % 2 === 0 || open.length === 0) {
            const channel = table.make('session')!;
            open.push(channel);
            if (streams.has(channel.stream) || channel.stream % 2 !== 0) throw new Error('a stream of two');
            streams.add(channel.stream);
          } else {
            table.remove(open.splice(step % open.length, 1)[0]!);
          }
        }
        expect(new Set(open.map(({ id }) => id)).size).toBe(open.length);
        expect([...table].length).toBe(open.length);
        expect(open.every(channel => table.get(channel.id) === channel)).toBe(true);
      }),
    );
  });
});
