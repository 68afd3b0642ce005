/** Either end says whatever it likes, in whatever order. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SshReader } from '#lib/ssh/data-types.ts';
import { rest, say } from './bytes.ts';
import { type End, recorded, startRig } from './rig.ts';

const long = process.env['SALLYPORT_LONG'] === '1';

const number = fc.oneof(
  { weight: 8, arbitrary: fc.nat(3) },
  { weight: 1, arbitrary: fc.constantFrom(1_023, 0x7fff_ffff, 0xffff_ffff) },
);
const size = fc.oneof(fc.nat(5_000), fc.constantFrom(0, 1, 70_000, 2_097_152, 0xffff_ffff));
const packet = fc.constantFrom(32_768, 32_768, 1_024, 0);
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.constant(new Uint8Array(40_000)),
  fc.constantFrom('id\n', 'FORBIDDEN\r', '\u001b[2J', 'password: ').map(text => Buffer.from(text)),
);
const line = fc.constantFrom('id', 'FORBIDDEN', 'scp -t /x', 'a | b', '/usr/lib/openssh/sftp-server', '"');

const request = fc
  .tuple(
    fc.oneof(
      fc.constantFrom(
        ...([
          ['exec', rest.strings('id')],
          ['shell', Buffer.alloc(0)],
          ['subsystem', rest.strings('sftp')],
          ['subsystem', rest.strings('FORBIDDEN')],
          ['pty-req', rest.pty()],
          ['window-change', rest.size(1, 2)],
          ['env', rest.strings('LANG', 'C')],
          ['signal', rest.strings('INT')],
          ['auth-agent-req@openssh.com', Buffer.alloc(0)],
          ['x11-req', Buffer.alloc(9)],
          ['exit-status', rest.status(1)],
          ['exit-signal', rest.signal('KILL')],
          ['nobody-knows', Buffer.alloc(0)],
        ] as [string, Buffer][]),
      ),
      line.map((text): [string, Buffer] => ['exec', rest.strings(text)]),
    ),
    number,
    fc.boolean(),
  )
  .map(([[name, detail], channel, wantReply]) => say.request(channel, name, wantReply, detail));

const open = fc
  .tuple(number, size, packet)
  .chain(([sender, window, most]) =>
    fc.constantFrom(
      say.open('session', sender, window, most),
      say.open('session', sender, window, most),
      say.open('direct-tcpip', sender, window, most, rest.directTcp('db', 5_432)),
      say.open('direct-tcpip', sender, window, most, rest.directTcp('FORBIDDEN', 22)),
      say.open('forwarded-tcpip', sender, window, most, rest.forwardedTcp('', 80)),
      say.open('auth-agent@openssh.com', sender, window, most),
    ),
  );

/** One message, of those that either end may have. */
const known = fc.oneof(
  request,
  open,
  fc.tuple(number, number, size, packet).map(args => say.confirm(...args)),
  number.map(channel => say.openFailure(channel)),
  fc.tuple(number, size).map(args => say.adjust(...args)),
  fc.tuple(number, bytes).map(args => say.data(...args)),
  fc.tuple(number, bytes).map(args => say.stderr(...args)),
  fc
    .tuple(fc.constantFrom('eof', 'close', 'success', 'failure'), number)
    .map(([kind, channel]) => say[kind](channel)),
  fc
    .tuple(fc.constantFrom('tcpip-forward', 'cancel-tcpip-forward'), fc.boolean())
    .map(([name, wantReply]) => say.globalRequest(name, wantReply, rest.listen('', 80))),
  fc.boolean().map(wantReply => say.globalRequest('hostkeys-00@openssh.com', wantReply)),
  fc.constantFrom(say.requestSuccess(), say.requestFailure()),
);
/** The same cut short, longer than it says, with bytes that are others; and noise. */
const anything = fc.oneof(
  { weight: 60, arbitrary: known },
  {
    weight: 1,
    arbitrary: fc.tuple(known, fc.nat(40)).map(([payload, at]) => payload.subarray(0, Math.max(1, at))),
  },
  { weight: 1, arbitrary: known.map(payload => Buffer.concat([payload, Buffer.of(7)])) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 60 }).map(noise => Buffer.from(noise)) },
);
/** An honest beginning, so that most of what follows has something to meet. */
const beginning = fc.constantFrom(
  [],
  [
    ['client', say.open('session', 0)],
    ['target', say.confirm(0, 0)],
  ],
  [
    ['client', say.open('session', 0)],
    ['target', say.confirm(0, 0)],
    ['client', say.request(0, 'pty-req', true, rest.pty())],
    ['client', say.request(0, 'shell', true)],
    ['target', say.success(0)],
  ],
  [
    ['client', say.open('session', 0)],
    ['client', say.open('session', 1)],
    ['target', say.confirm(0, 0, 30_000)],
    ['target', say.confirm(1, 1, 0)],
    ['client', say.request(0, 'subsystem', true, rest.strings('sftp'))],
  ],
) as fc.Arbitrary<[string, Buffer][]>;
const conversation = fc
  .tuple(beginning, fc.array(fc.tuple(fc.constantFrom('client', 'target'), anything), { maxLength: 40 }))
  .map(([first, others]): [string, Buffer][] => [...first, ...(others as [string, Buffer][])]);

/** What an end has let the other send it in each of its channels, against what was sent. */
class Ledger {
  readonly #left = new Map<number, number>();
  overdrawn = false;

  said(payload: Buffer): void {
    const reader = new SshReader(payload);
    try {
      const type = reader.u8();
      if (type === 90) {
        reader.string();
        this.#left.set(reader.u32(), reader.u32());
      } else if (type === 91) {
        reader.u32();
        this.#left.set(reader.u32(), reader.u32());
      }
    } catch {
      // It does not hold a window.
    }
  }

  granted(channel: number, bytes: number): void {
    this.#left.set(channel, (this.#left.get(channel) ?? 0) + bytes);
  }

  sent(payload: Buffer): void {
    const type = payload[0];
    if (type !== 94 && type !== 95) return;
    const channel = payload.readUInt32BE(1);
    const left = (this.#left.get(channel) ?? 0) - payload.readUInt32BE(type === 94 ? 5 : 9);
    this.#left.set(channel, left);
    if (left < 0) this.overdrawn = true;
  }
}

test(
  'no end crashes the gateway, sends what is not decided and recorded, or is answered by an error of ours',
  async () => {
    await fc.assert(
      fc.asyncProperty(conversation, async said => {
        const rig = startRig();
        for (const [who, payload] of said) {
          (who === 'client' ? rig.client : rig.target).say(payload);
          await new Promise(resolve => setImmediate(resolve));
        }
        await rig.settle();

        const errors = recorded(rig, 'error');
        expect(errors.filter(({ code }) => code === 'internal')).toEqual([]);
        if (rig.client.disconnected) expect(errors.length).toBeGreaterThan(0);
        // What runs at the target was written down; what was refused never got there.
        const started = rig.target.received.filter(
          payload => payload[0] === 98 && /exec|shell|subsystem/.test(payload.toString('latin1', 9, 19)),
        );
        const kinds = recorded(rig, 'command').map(({ kind }) => kind);
        expect(started).toHaveLength(kinds.filter(kind => /exec|shell|subsystem/.test(`${kind}`)).length);
        expect(Buffer.concat(started).includes('FORBIDDEN')).toBe(false);
        const opened = rig.target.received.filter(payload => payload[0] === 90);
        expect(Buffer.concat(opened).includes('FORBIDDEN')).toBe(false);
      }),
      { numRuns: long ? 20_000 : 400 },
    );
  },
  long ? 900_000 : 60_000,
);

test(
  'neither end is sent more than it has let the gateway send it',
  async () => {
    const small = fc.integer({ min: 0, max: 60_000 });
    const piece = fc.integer({ min: 0, max: 3_000 });
    const step = fc.oneof(
      fc.tuple(fc.constantFrom('client', 'target'), fc.constant('data'), piece),
      fc.tuple(fc.constantFrom('client', 'target'), fc.constant('adjust'), small),
    );
    await fc.assert(
      fc.asyncProperty(
        small,
        small,
        fc.constantFrom('exec', 'FORBIDDEN', 'sftp', 'none'),
        fc.array(step, { maxLength: 80 }),
        async (toClient, toTarget, program, steps) => {
          const rig = startRig();
          const ledgers = { client: new Ledger(), target: new Ledger() };
          const watch = (end: End, ledger: Ledger) => {
            const write = end.write.bind(end);
            end.write = payload => {
              ledger.sent(payload);
              return write(payload);
            };
          };
          watch(rig.client, ledgers.client);
          watch(rig.target, ledgers.target);
          ledgers.client.granted(10, toClient);
          ledgers.target.granted(20, toTarget);
          rig.client.say(say.open('session', 10, toClient));
          await rig.settle();
          rig.target.say(say.confirm(0, 20, toTarget));
          if (program === 'sftp') rig.client.say(say.request(0, 'subsystem', false, rest.strings('sftp')));
          else if (program !== 'none') rig.client.say(say.request(0, 'exec', false, rest.strings(program)));
          await rig.settle();
          for (const [who, kind, amount] of steps) {
            const end = who === 'client' ? rig.client : rig.target;
            if (kind === 'adjust') ledgers[who as 'client'].granted(who === 'client' ? 10 : 20, amount);
            end.say(kind === 'data' ? say.data(0, Buffer.alloc(amount, 0xa5)) : say.adjust(0, amount));
            await new Promise(resolve => setImmediate(resolve));
          }
          await rig.settle();

          expect([ledgers.client.overdrawn, ledgers.target.overdrawn]).toEqual([false, false]);
        },
      ),
      { numRuns: long ? 5_000 : 200 },
    );
  },
  long ? 900_000 : 60_000,
);
