import { describe, expect, jest, test } from '@jest/globals';
import { readOptions } from '#local/options.ts';

/** commander says what is wrong by itself. */
const quietly = (args: readonly string[]) => {
  const said = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    return { result: readOptions(args, '/home/me'), said: said.mock.calls.join('') };
  } finally {
    said.mockRestore();
  }
};

describe('the options of npm start', () => {
  test('have defaults that need nothing', () => {
    expect(readOptions([], '/home/me')).toEqual({
      dataDir: '/home/me/.sallyport',
      portBase: 15400,
      readyFile: undefined,
      config: undefined,
      reset: false,
    });
  });

  test('take paths as seen from where the user stands', () => {
    expect(readOptions(['--data-dir', 'a', '--ready-file', '/b.json'], '/home/me')).toMatchObject({
      dataDir: '/home/me/a',
      readyFile: '/b.json',
    });
  });

  test.each(['abc', '80', '65504', '1e4', '-1', ''])('refuse the port base %j', text => {
    const { result, said } = quietly([`--port-base=${text}`]);

    expect(result).toBe(1);
    expect(said).toContain('from 1024 to');
  });

  test('refuse what they do not know', () => {
    expect(quietly(['--post-base', '1']).result).toBe(1);
    expect(quietly(['now']).result).toBe(1);
  });
});
