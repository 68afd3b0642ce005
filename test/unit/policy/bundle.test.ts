import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { build } from 'esbuild';
import { cedarWasm } from '#gateway/bundle/cedar-wasm.ts';
import { engineOf, input, snapshotOf, withFolder } from './fixtures.ts';

const run = promisify(execFile);
const engineFile = fileURLToPath(new URL('../../../lib/policy/engine.ts', import.meta.url));

test('a bundle decides as the sources do, in a folder without node_modules', async () => {
  const cedar = '@id("all") @message("Yes.") permit(principal, action, resource);';
  const program = `
    import { readFileSync } from 'node:fs';
    import { PolicyEngine } from ${JSON.stringify(engineFile)};
    const { snapshot, asked } = JSON.parse(readFileSync(0, 'utf8'));
    process.stdout.write(JSON.stringify(PolicyEngine.load(snapshot).decide(asked)));`;

  const decision = await withFolder({}, async dir => {
    const outfile = join(dir, 'program.mjs');
    await build({
      stdin: { contents: program, loader: 'ts', resolveDir: dir },
      outfile,
      bundle: true,
      platform: 'node',
      target: 'node24',
      format: 'esm',
      plugins: [cedarWasm],
      logLevel: 'silent',
    });
    writeFileSync(join(dir, 'asked.json'), JSON.stringify({ snapshot: snapshotOf(cedar), asked: input() }));
    const { stdout } = await run('sh', ['-c', '"$0" program.mjs < asked.json', process.execPath], {
      cwd: dir,
    });
    return JSON.parse(stdout);
  });

  expect(decision).toEqual(engineOf(cedar).decide(input()));
}, 60_000);
