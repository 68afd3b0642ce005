import { describe, expect, test } from '@jest/globals';
import { ConfigMistakes, ConfigUnreadable } from '#local/config-publisher.ts';
import { explain } from '#local/explain.ts';
import type { StartOptions } from '#local/options.ts';

const options = (config: string | undefined): StartOptions => ({
  dataDir: '/srv/a',
  portBase: 15_400,
  readyFile: undefined,
  config,
  reset: false,
});

describe('a start that fails', () => {
  test('names the command that shows the mistakes of the same folder', () => {
    const error = new ConfigMistakes('/c', ['/c/masks.yaml:1:1: No.']);

    expect(explain(error, options(undefined)).at(-1)).toContain('(npm run -s check-config shows the same)');
    expect(explain(error, options('/my rules'))).toEqual([
      '/c/masks.yaml:1:1: No.',
      "/c has 1 mistake: correct it and start again (npm run -s check-config -- --config '/my rules' shows the same)",
    ]);
  });

  test('says one thing of a configuration that is not there', () => {
    const error = new ConfigUnreadable('there is no folder /nonexist');

    expect(explain(error, options('/nonexist'))).toEqual(['there is no folder /nonexist']);
  });
});
