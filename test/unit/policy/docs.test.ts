import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { Actions } from '#lib/policy/actions.ts';
import { annotationNames } from '#lib/policy/annotations.ts';
import { loadConfig } from '#lib/policy/config/load.ts';
import { sampleFolder, schema, withFolder } from './fixtures.ts';

const page = readFileSync(new URL('../../../docs/policy.md', import.meta.url), 'utf8');
const examples = Array.from(page.matchAll(/```cedar\n([\s\S]*?)```/g), ([, cedar = '']) => cedar);

test('every policy on the page holds beside the sample configuration', async () => {
  const sample = ['targets.yaml', 'approvals.yaml', 'masks.yaml'].map(
    name => [name, readFileSync(join(sampleFolder, name), 'utf8')] as const,
  );

  const { mistakes } = await withFolder(
    { ...Object.fromEntries(sample), 'policies/page.cedar': examples.join('\n') },
    loadConfig,
  );

  expect(examples.length).toBeGreaterThan(3);
  expect(mistakes).toEqual([]);
});

test('the page names every action and every annotation', () => {
  const words = new Set(page.match(/[\w:-]+/g));

  for (const action of new Actions(schema).names) {
    expect([action, action.replace(/^\w+:/, '')].some(name => words.has(name))).toBe(true);
  }
  for (const name of annotationNames) expect(page).toContain(`@${name}`);
});
