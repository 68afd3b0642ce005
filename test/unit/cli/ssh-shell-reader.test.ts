import { describe, expect, test } from '@jest/globals';
import { type Reading, ShellReader } from '#cli/replay/ssh/shell-reader.ts';

type Step =
  | { readonly out: string }
  | { readonly key: string }
  | { readonly resize: [number, number] }
  | 'withheld';

const out = (text: string): Step => ({ out: text });
/** Each key with its echo. */
const typed = (text: string): Step[] => [...text].flatMap(key => [{ key }, out(key)]);
const enter = (echo = '\r\n'): Step[] => [{ key: '\r' }, out(echo)];

async function read(steps: readonly Step[], limitMs = 10_000, rows = 10): Promise<Reading[]> {
  const reader = new ShellReader(20, 10, { rows, limitMs });
  const readings: Reading[] = [];
  let atNs = 0;
  for (const step of steps) {
    atNs++;
    if (step === 'withheld') reader.withheld(atNs);
    else if ('resize' in step) reader.resize(...step.resize);
    else if ('out' in step)
      for await (const reading of reader.output(Buffer.from(step.out), atNs)) readings.push(reading);
    else for await (const reading of reader.keys(Buffer.from(step.key), atNs)) readings.push(reading);
  }
  for await (const reading of reader.end(atNs)) readings.push(reading);
  return readings;
}

const commands = async (...steps: Step[]): Promise<string[]> =>
  (await read(steps)).flatMap(reading => (reading.kind === 'entered' ? [reading.command] : []));
const shown = async (...steps: Step[]) =>
  (await read(steps)).flatMap(reading => (reading.kind === 'shown' ? [reading.shown] : []));

describe('a command is read as the screen had it', () => {
  test('typed key by key', async () => {
    expect(await commands(out('$ '), ...typed('ls'), ...enter(), out('a  b\r\n$ '))).toEqual(['ls']);
  });

  test('corrected', async () => {
    const corrected = [{ key: '\x7f' }, out('\b \b')];

    expect(await commands(out('$ '), ...typed('lx'), ...corrected, ...typed('s'), ...enter())).toEqual([
      'ls',
    ]);
  });

  test('completed, recalled, searched for: what the shell made of it', async () => {
    const completed = [...typed('cat /etc/hostn'), { key: '\t' }, out('ame ')];
    const recalled = [{ key: '\x1b[A' }, out('cat /etc/hostname')];
    const searched = [{ key: '\x12' }, out("\r(reverse-i-search)`': "), { key: 'c' }, out("\b\b\bc': cat")];

    expect(await commands(out('$ '), ...completed, ...enter())).toEqual(['cat /etc/hostname']);
    expect(await commands(out('$ '), ...recalled, ...enter())).toEqual(['cat /etc/hostname']);
    expect(await commands(out('$ '), ...searched, ...enter('\r\x1b[K$ cat x\r\n'))).toEqual(['cat x']);
  });

  test('longer than the terminal is wide', async () => {
    const long = 'echo one two three four five six';

    expect(await commands(out('$ '), ...typed(long), ...enter())).toEqual([long]);
  });

  test('of several lines out of the history', async () => {
    const recalled = [{ key: '\x1b[A' }, out('for i in 1\r\ndo\r\ndone')];

    expect(await commands(out('$ '), ...recalled, ...enter())).toEqual(['for i in 1\ndo\ndone']);
  });

  test('pasted with others, each behind its prompt', async () => {
    expect(
      await commands(
        out('$ '),
        ...typed('x'),
        ...enter('\r\nx\r\n$ '),
        { key: 'a\rb\r' },
        out('a\r\nshown\r\n$ b\r\n$ '),
      ),
    ).toEqual(['x', 'a', 'b']);
  });

  test('typed before the prompt was there, once a prompt is known', async () => {
    const early = [...typed('l'), out('$ l')];

    expect(await commands(out('$ '), ...typed('x'), ...enter(), ...early, ...typed('s'), ...enter())).toEqual(
      ['x', 'ls'],
    );
  });

  test('when the line that ended a pager was none', async () => {
    const pager = [{ key: 'q' }, out('\r\n/tmp$ ')];

    expect(
      await commands(out('$ '), ...typed('x'), ...enter(), ...pager, ...typed('ls'), ...enter()),
    ).toEqual(['x', 'ls']);
  });

  test('when its keys are withheld because it looks like a prompt for a secret', async () => {
    const looksSecret = [...typed('# Password: '), out('x'), 'withheld' as const, out('\r\n')];

    expect(await commands(out('$ '), ...looksSecret, out('$ '))).toEqual(['# Password: x']);
  });

  test('after the window has changed', async () => {
    expect(await commands(out('$ '), { resize: [40, 5] }, out(''), ...typed('ls'), ...enter())).toEqual([
      'ls',
    ]);
  });
});

describe('what is no command is not read as one', () => {
  test('a secret, which is not echoed', async () => {
    const asked = [out('Password: '), 'withheld' as const, out('\r\n$ ')];

    expect(
      await commands(out('$ '), ...typed('su'), ...enter(), ...asked, ...typed('id'), ...enter()),
    ).toEqual(['su', 'id']);
  });

  test('what is typed into a program that uses the whole screen', async () => {
    const editor = [out('\x1b[?1049h\x1b[2J\x1b[HEDIT'), ...typed(':q!'), ...enter('\x1b[?1049l')];

    expect(
      await commands(out('$ '), ...typed('vi'), ...enter(), ...editor, out('$ '), ...typed('ls'), ...enter()),
    ).toEqual(['vi', 'ls']);
    expect(await shown(out('$ '), ...typed('vi'), ...enter(), ...editor, out('$ '))).toMatchObject([
      { fullScreen: true },
    ]);
  });
});

describe('what was shown', () => {
  test('is told by the command that it follows, without the prompt', async () => {
    expect(
      await shown(
        out('hello\r\n$ '),
        ...typed('x'),
        ...enter(),
        out('one\r\n\x1b[31mtwo\x1b[0m\r\n$ '),
        ...typed('y'),
        ...enter(),
      ),
    ).toEqual([
      { lines: ['hello'], moreLines: 0, headLost: false, fullScreen: false },
      { lines: ['one', 'two'], moreLines: 0, headLost: false, fullScreen: false },
    ]);
  });

  test('is what stood there in the end, not what was written over', async () => {
    expect(await shown(out('$ '), ...typed('x'), ...enter(), out('10%\r50%\r100%\r\n$ '))).toMatchObject([
      { lines: ['100%', '$ '] },
    ]);
  });

  test('begins with its first line, however much of it there is', async () => {
    const numbers = Array.from({ length: 50_000 }, (_, index) => `${index + 1}\r\n`).join('');

    const [all] = await shown(out('$ '), ...typed('x'), ...enter(), out(numbers), out('$ '), ...typed('y'));

    expect(all).toMatchObject({
      lines: ['1', '2', '3', '4', '5', '6', '7', '8', '9', '10'],
      headLost: false,
    });
    expect(all?.moreLines).toBe(49_990);
  });
});

describe('a hostile recording', () => {
  test('costs no more time than it may, and says so once', async () => {
    const busy = out('\x1b[500S'.repeat(10_000));

    const readings = await read([out('$ '), busy, busy, ...typed('ls'), ...enter()], 50);

    expect(readings).toMatchObject([{ kind: 'exhausted' }]);
  });

  test('of 100,000 window changes costs one', async () => {
    const resizes = Array.from({ length: 100_000 }, (_, index): Step => ({ resize: [index, index] }));

    expect(await commands(out('$ '), ...resizes, out(''), ...typed('ls'), ...enter())).toEqual(['ls']);
  });

  test.each([
    ['no size at all', [0, 0]],
    ['the largest that SSH can say', [0xffffffff, 0xffffffff]],
    ['no number', [Number.NaN, -1]],
  ] as const)('may say %s', async (_what, [cols, rows]) => {
    expect(await commands(out('$ '), { resize: [cols, rows] }, out(' '), ...typed('ls'), ...enter())).toEqual(
      ['ls'],
    );
  });
});
