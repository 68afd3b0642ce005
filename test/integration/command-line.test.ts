/**
 * What is read of command lines against what sh and bash make of them: nothing may run, with any arguments,
 * that was not listed. Random lines; the programs that they find do nothing but note what they are given.
 */
import { spawn } from 'node:child_process';
import { chmod, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readCommandLine } from '#lib/ssh/shell/command-line.ts';
import { quoteWord } from '#lib/ssh/shell/word.ts';
import { type TemporaryFolder, temporaryFolder } from '../harness/temporary-folder.ts';

const shells = ['/bin/sh', '/bin/bash'];
const runs = process.env['SALLYPORT_LONG'] === '1' ? 5000 : 250;
const noted = ['p', 'q'];
/** Harmless programs that run others, as the system has them. */
const runners = ['env', 'nice', 'timeout', 'sh', 'find', 'stdbuf'];
// biome-ignore lint/suspicious/noTemplateCurlyInString: It is the shell's.
const note = '#!/bin/sh\nprintf \'%s\\0\' "$(($# + 1))" "${0##*/}" "$@" >>"$NOTES"\n';

let folder: TemporaryFolder;
let lineNumber = 0;

beforeAll(async () => {
  folder = await temporaryFolder('command-line');
  await mkdir(join(folder.path, 'bin'));
  for (const name of noted) {
    await writeFile(join(folder.path, 'bin', name), note);
    await chmod(join(folder.path, 'bin', name), 0o755);
  }
  for (const name of runners) await symlink(`/usr/bin/${name}`, join(folder.path, 'bin', name));
});

afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

/** The argument vectors of what ran, in the form in which commands are listed. */
async function whatRuns(shell: string, line: string): Promise<string[]> {
  // Its own, for what it left in the background may still write.
  lineNumber += 1;
  const place = join(folder.path, `place-${lineNumber}`);
  const notes = join(folder.path, `notes-${lineNumber}`);
  await mkdir(place);
  const child = spawn(shell, ['-c', line], {
    cwd: place,
    env: { PATH: join(folder.path, 'bin'), NOTES: notes },
    stdio: 'ignore',
    timeout: 5000,
  });
  await new Promise(done => child.once('close', done));
  await rm(place, { recursive: true, force: true });
  const fields = (await readFile(notes, 'utf8').catch(() => '')).split('\0').slice(0, -1);
  const found: string[] = [];
  while (fields.length > 0) {
    const words = fields.splice(0, Number(fields.shift()));
    found.push(words.map(quoteWord).join(' '));
  }
  return found;
}

const word = fc.constantFrom(
  ...[
    'p',
    'q',
    'p',
    'a',
    'b',
    '-c',
    '1',
    '2',
    '',
    ' ',
    'A=b',
    'if',
    '{}',
    '+',
    '!',
    '#',
    '=',
    ';',
    '\\',
    "'",
    '"',
  ],
);
const quoted = fc.oneof(
  word,
  word.map(text => `'${text.replaceAll("'", "'\\''")}'`),
  word.map(text => `"${text.replaceAll(/["\\]/g, '\\$&')}"`),
  fc.tuple(word, word).map(([one, two]) => `${one}"${two}"`),
);
const inner = fc.array(fc.oneof(fc.constantFrom('p', 'q', ';', ' ', '\n', '|', '>a', '&&', 'x'), word), {
  maxLength: 8,
});
const command = fc.oneof(
  fc
    .tuple(fc.constantFrom('p', 'q'), fc.array(quoted, { maxLength: 4 }))
    .map(([name, words]) => [name, ...words].join(' ')),
  fc.tuple(quoted, inner).map(([text, parts]) => `sh -c ${text} ${quoteWord(parts.join(' '))} ${text}`),
  fc
    .tuple(quoted, fc.constantFrom('time', 'env -', 'env A=b', '!', 'command --'))
    .map(([text, before]) => `${before} ${text} p ${text}`),
  inner.map(parts => `sh -c ${quoteWord(parts.join(' '))}`),
  inner.map(parts => `eval ${parts.join(' ')}`),
  quoted.map(text => `env ${text} p ${text}`),
  quoted.map(text => `nice -n 1 timeout ${text} p`),
  quoted.map(text => `command ${text} p; exec ${text} q`),
  quoted.map(text => `find . -exec p ${text} {} \\; -exec q {} +`),
);
const operator = fc.constantFrom(
  ';',
  '&&',
  '||',
  '|',
  '\n',
  ' ; ! ',
  '&',
  ' >a ',
  ' 2>&1 ',
  '<a',
  ' # ',
  '(',
  ')',
  '2>b',
);
const lines = fc.oneof(
  fc.array(fc.oneof(command, operator, quoted), { maxLength: 10 }).map(parts => parts.join(' ')),
  fc.array(fc.tuple(command, operator), { maxLength: 5 }).map(parts => parts.flat().join('')),
  fc
    .array(fc.constantFrom(...'pq  aA=b12;|&()<>#!\'"\\\n\t+-'), { maxLength: 24 })
    .map(parts => `p ${parts.join('')}`),
);

/** find puts names of files where a line has `{}`, and a word is quoted as what is in it then wants. */
function isListed(ran: string, objects: readonly string[]): boolean {
  return objects.some(object => {
    if (!object.includes('{}')) return object === ran;
    const pattern = object
      .replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&')
      .replaceAll(/'([^']*\\\{\\\}[^']*)'/g, "'?$1'?")
      .replaceAll('\\{\\}', '.*');
    return new RegExp(`^${pattern}$`, 's').test(ran);
  });
}

test.each(shells)(
  '%s runs nothing of a line that was not listed',
  async shell => {
    let told = 0;
    let ran = 0;
    await fc.assert(
      fc.asyncProperty(lines, async line => {
        const { facts } = readCommandLine(Buffer.from(line));
        if (facts.risk.opaque) return;
        told += 1;
        const { objects } = facts.operations[0]!;
        for (const one of await whatRuns(shell, line)) {
          ran += 1;
          expect([line, one, isListed(one, objects)]).toEqual([line, one, true]);
        }
      }),
      { numRuns: runs },
    );
    // Else it would have shown nothing.
    expect(told).toBeGreaterThan(runs / 10);
    expect(ran).toBeGreaterThan(runs / 10);
  },
  300_000,
);

test('a line that does run something is noted', async () => {
  for (const shell of shells) {
    expect(await whatRuns(shell, "p 'a b'; sh -c 'q \"\"' && false || env A=b p")).toEqual([
      "p 'a b'",
      "q ''",
      'p',
    ]);
  }
});
