import { loadConfig } from '#lib/policy/config/load.ts';
import { PolicyEngine } from '#lib/policy/engine.ts';

/**
 * A program: loads the sample policies over and over, and prints how many bytes the process grew by in the second
 * half. Under `node --expose-gc`, so that garbage does not count.
 */
const [, , folder = '', loads = '0'] = process.argv;
const { snapshot } = loadConfig(folder);
if (snapshot === undefined) throw new Error('the sample does not hold');

function load(times: number): number {
  for (let i = 0; i < times; i++) {
    // Another version each time, as after a change.
    const policies = [
      ...snapshot!.policies,
      {
        id: `v${i}`,
        file: 'x',
        line: 1,
        text: `@id("v${i}") permit(principal == User::"${i}", action, resource);`,
      },
    ];
    PolicyEngine.load({ ...snapshot!, policies, version: `sha256:${i}` });
  }
  globalThis.gc?.();
  return process.memoryUsage().rss;
}

const half = load(Number(loads) / 2);
process.stdout.write(`${load(Number(loads) / 2) - half}\n`);
