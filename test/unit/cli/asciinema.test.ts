import { expect, test } from '@jest/globals';
import { play } from '../../support/asciinema.ts';

const cast = (...lines: unknown[]) => `${lines.map(line => JSON.stringify(line)).join('\n')}\n`;
const header = { version: 3, term: { cols: 80, rows: 24 } };

test("asciinema's player says what it plays of an asciicast of version 3", async () => {
  const played = await play(
    cast(
      header,
      [0.1, 'o', 'a\u001b[31mb\r\n'],
      [0.2, 'r', '100x30'],
      [0.3, 'm', 'ls'],
      [7200, 'o', 'c'],
      [0.4, 'x', '0'],
    ),
  );

  expect(played.durationMs).toBe(7_201_000);
  expect(played.events).toEqual([
    { kind: 'reset', cols: 80, rows: 24 },
    { kind: 'output', text: 'a\u001b[31mb\r\n' },
    { kind: 'resize', cols: 100, rows: 30 },
    { kind: 'marker', label: 'ls', timeMs: 600 },
    { kind: 'output', text: 'c' },
  ]);
});

test.each([
  ['another version', cast({ ...header, version: 9 }, [0.1, 'o', 'a'])],
  ['no cast', 'hello\n'],
])('it does not play %s', async (_what, text) => {
  await expect(play(text)).rejects.toThrow();
});
