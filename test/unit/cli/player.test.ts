import { describe, expect, test } from '@jest/globals';
import { Player, type Stage } from '#cli/replay/play/player.ts';
import type { ChannelEvent } from '#cli/replay/ssh/channel-events.ts';

/** A terminal whose clock runs as far as it is waited for; `keys` are pressed at the waits by number. */
class TestStage implements Stage {
  readonly written: string[] = [];
  readonly waits: (number | undefined)[] = [];
  readonly #keys: Readonly<Record<number, string>>;
  #now = 0;

  constructor(keys: Readonly<Record<number, string>> = {}) {
    this.#keys = keys;
  }

  async write(text: string): Promise<void> {
    this.written.push(text);
  }

  async wait(ms: number | undefined): Promise<string | undefined> {
    const key = this.#keys[this.waits.length];
    this.waits.push(ms);
    // A key is pressed halfway.
    this.#now += (ms ?? 0) / (key === undefined ? 1 : 2);
    return key;
  }

  now(): number {
    return this.#now;
  }

  get text(): string {
    return this.written.join('');
  }
}

const shown = (...outputs: [atMs: number, text: string][]) =>
  async function* (): AsyncGenerator<ChannelEvent, void, void> {
    yield { kind: 'resize', atNs: 0, cols: 80, rows: 24, term: 'xterm' };
    for (const [atMs, text] of outputs) yield { kind: 'output', atNs: atMs * 1e6, bytes: Buffer.from(text) };
  };
const three = shown([1_000, 'one\r\n'], [3_000, 'two'], [63_000, 'three']);
const play = (stage: Stage, open = three, speed = 1, fromMs = 0) =>
  new Player(stage, open, { speed, idleLimitMs: 10_000 }).play(fromMs);

describe('a shell is played', () => {
  test('in its own time, and nobody waits longer than the limit', async () => {
    const stage = new TestStage();

    expect(await play(stage)).toBe(true);
    expect(stage.waits).toEqual([1_000, 2_000, 10_000]);
    expect(stage.text).toContain('one\r\x1bDtwothree');
  });

  test('faster, and from where it is asked for', async () => {
    const stage = new TestStage();

    await play(stage, three, 4, 2_000);

    expect(stage.waits).toEqual([250, 2_500]);
  });

  test('until it is stopped', async () => {
    const stage = new TestStage({ 1: '\x03' });

    expect(await play(stage)).toBe(false);
    expect(stage.text).toContain('one');
    expect(stage.text).not.toContain('two');
  });

  test('not while it pauses', async () => {
    const stage = new TestStage({ 1: ' ', 2: ' ' });

    await play(stage);

    expect(stage.waits).toEqual([1_000, 2_000, undefined, 1_000, 10_000]);
  });

  test('five seconds on, and five seconds back from the beginning', async () => {
    const on = new TestStage({ 1: '\x1b[C' });
    const back = new TestStage({ 1: '\x1b[D' });

    await play(on);
    await play(back);

    // From the second second to the seventh, then on to the 63rd.
    expect(on.waits).toEqual([1_000, 2_000, 10_000]);
    expect(back.text.match(/one/g)).toHaveLength(2);
    expect(back.waits).toEqual([1_000, 2_000, 1_000, 2_000, 10_000]);
  });
});

describe('the terminal is left clean', () => {
  const full = shown([10, '\x1b[?1049h\x1b[?25l\x1b[31m'], [20_000, 'x']);
  /** What was written last, without its escapes. */
  const end = (stage: TestStage) => stage.written.at(-1)?.replaceAll('\x1b', 'ESC');

  test.each([
    ['at the end', {}],
    ['when it is stopped', { 1: 'q' }],
  ])('%s', async (_when, keys) => {
    const stage = new TestStage(keys);

    await play(stage, full);

    expect(end(stage)).toMatch(/^ESC\[\?1049l.*ESC\[\?25hESC\[m/);
  });

  test('when the recording cannot be read', async () => {
    const stage = new TestStage();
    const broken = async function* (): AsyncGenerator<ChannelEvent, void, void> {
      yield* full();
      throw new TypeError('cut');
    };

    await expect(play(stage, broken)).rejects.toThrow(TypeError);
    expect(end(stage)).toMatch(/^ESC\[\?1049l/);
  });
});
