import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, jest, test } from '@jest/globals';
import { build } from 'esbuild';
import { libpgQuery } from '#gateway/bundle/libpg-query.ts';
import { grammarOf, loadGrammar, majors } from '#lib/sql/grammar.ts';

// A busy machine takes its time to compile and bundle.
jest.setTimeout(60_000);

const bytes = (text: string) => Buffer.from(text);

describe('the grammar of a major version', () => {
  test.each(majors)('PostgreSQL %i is the one that was asked for', async major => {
    const grammar = await loadGrammar(major);

    const outcome = grammar.parse(bytes('SELECT 1'));

    expect(outcome).toMatchObject({ kind: 'tree', tree: { stmts: [{ stmt: { SelectStmt: {} } }] } });
    const { version } = (outcome as { tree: { version: number } }).tree;
    expect(Math.floor(version / 10_000)).toBe(major);
  });

  test('words that only a newer server has are no words of an older one', async () => {
    const merge = bytes('MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN DELETE');

    const outcomes = await Promise.all(
      [14, 15].map(async major => (await loadGrammar(major)).parse(merge).kind),
    );

    expect(outcomes).toEqual(['syntax', 'tree']);
  });

  test.each([0, 9, 12, 19, Number.NaN])('PostgreSQL %d is refused', async major => {
    await expect(loadGrammar(major)).rejects.toMatchObject({ code: 'unsupported' });
    expect(() => grammarOf(major)).toThrow(expect.objectContaining({ code: 'unsupported' }));
  });
});

describe('an instance', () => {
  const chain = bytes(`SELECT ${Array(30_000).fill('1').join('+')}`);

  test('that used up its stack is replaced, and the next text is read at once', async () => {
    const grammar = await loadGrammar(15);
    const before = grammar.replaced;

    const deep = grammar.parse(chain);
    const next = grammar.parse(bytes('SELECT 1'));
    await grammar.settle();

    expect(deep).toEqual({ kind: 'exhausted' });
    expect(next.kind).toBe('tree');
    expect(grammar.replaced).toBe(before + 1);
  });

  test('is there again after more failures than there are spares', async () => {
    const grammar = await loadGrammar(16);

    const failures = [1, 2].map(() => grammar.parse(chain).kind);
    const refused = [chain, bytes('SELECT 1')].map(text => () => grammar.parse(text));

    // Nobody has read those: they are not the ones that were too much.
    for (const parse of refused) expect(parse).toThrow(expect.objectContaining({ code: 'tooMany' }));
    expect(failures).toEqual(['exhausted', 'exhausted']);
    await grammar.settle();
    expect(grammar.parse(bytes('SELECT 1')).kind).toBe('tree');
  });

  test.each([
    ['large good texts', `SELECT * FROM t WHERE x IN (${Array(2000).fill("'abc'").join(',')})`, 'tree'],
    ['large wrong texts', `SELECT ${'x, '.repeat(3000)} FROM FROM`, 'syntax'],
    ['texts that the lexer stops at', `SELECT 'abc${'x'.repeat(20_000)}`, 'syntax'],
  ])('does not grow with the number of %s', async (_, text, kind) => {
    const grammar = await loadGrammar(14);
    const before = grammar.replaced;
    const input = bytes(text);
    grammar.parse(input);
    const start = process.memoryUsage().rss;

    for (let i = 0; i < 500; i += 1) expect(grammar.parse(input).kind).toBe(kind);

    // Were each tree (0.3 to 1 MB) or text kept, it would be hundreds of MiB; and a grown heap is replaced.
    expect(process.memoryUsage().rss - start).toBeLessThan(128 << 20);
    expect(grammar.replaced).toBe(before);
  });
});

test('a bundle with the grammars beside it runs where there is no node_modules', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-bundle-'));
  try {
    await build({
      stdin: {
        contents: `
          import { loadGrammar, majors } from '#lib/sql/grammar.ts';
          for (const major of majors) {
            const { tree } = (await loadGrammar(major)).parse(Buffer.from('SELECT 1'));
            console.log(major, Math.floor(tree.version / 10000));
          }`,
        resolveDir: process.cwd(),
        loader: 'ts',
      },
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: join(folder, 'main.mjs'),
      plugins: [libpgQuery],
    });
    await writeFile(join(folder, 'package.json'), '{}');

    const { stdout } = await promisify(execFile)(process.execPath, ['main.mjs'], { cwd: folder });

    expect(stdout.trim().split('\n')).toEqual(majors.map(major => `${major} ${major}`));
    expect((await readdir(folder)).filter(name => name.endsWith('.wasm'))).toHaveLength(majors.length);
  } finally {
    await rm(folder, { recursive: true });
  }
});
