import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { type Command, CommanderError } from 'commander';
import { checkConfigCommand } from '#cli/check-config.ts';
import { explainCommand } from '#cli/explain.ts';
import type { Io } from '#cli/io.ts';
import { UsageError } from '#cli/usage-error.ts';
import { person, sampleFolder, withFolder } from './fixtures.ts';

const exitCodeBefore = process.exitCode;
afterEach(() => {
  process.exitCode = exitCodeBefore;
});

const unsigned = (claims: object) =>
  ['{"alg":"none"}', JSON.stringify(claims), '']
    .map(part => Buffer.from(part).toString('base64url'))
    .join('.');

const readyFile = {
  gateway: { postgres: { host: '127.0.0.1', port: 5432 } },
  control: { url: 'http://127.0.0.1:1' },
  people: {
    dev: {
      email: 'dev@shop.example',
      groups: ['developers'],
      token: unsigned({
        iss: 'https://id.example',
        sub: 'dev',
        email: 'dev@shop.example',
        groups: ['developers'],
        exp: 1,
      }),
    },
    agent: {
      email: 'agent@shop.example',
      groups: ['agents'],
      token: unsigned({
        iss: 'https://id.example',
        sub: 'dev',
        groups: ['agents'],
        act: { sub: 'agent' },
        exp: 1,
      }),
    },
  },
};

/** Runs a verb with these files in sight. */
async function run(verb: (io: Io) => Command, args: readonly string[], files: Record<string, string> = {}) {
  const output = { out: '', err: '' };
  const io: Io = {
    env: {},
    fetch: () => Promise.reject(new TypeError('nothing is asked over the network')),
    readFile: async path => {
      const text = files[path];
      if (text === undefined) throw new Error(`ENOENT ${path}`);
      return text;
    },
    out: text => {
      output.out += text;
    },
    err: text => {
      output.err += text;
    },
  };
  process.exitCode = 0;
  await verb(io)
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .parseAsync(args, { from: 'user' });
  return { ...output, exitCode: process.exitCode };
}

const explain = (...args: string[]) =>
  run(explainCommand, ['--config', sampleFolder, '--target', 'shop', ...args], {
    'ready.json': JSON.stringify(readyFile),
    'person.json': JSON.stringify(person({ groups: ['dbas'] })),
    'other.json': '{"issuer":1}',
  });
const asDev = ['--ready-file', 'ready.json', '--as', 'dev'];

describe('explain of what has no text', () => {
  test.each([
    ['sftp:write', '/tmp/x', 'ALLOWED'],
    ['sftp:write', '~/x', 'ALLOWED'],
    ['sftp:write', '~/../x', 'DENIED'],
    ['sftp:write', '/etc/motd', 'DENIED'],
    ['sftp:write', '/tmp/../etc/motd', 'DENIED'],
    ['sftp:write', '~/a/../../etc/x', 'DENIED'],
    ['sftp:read', '/etc/motd', 'ALLOWED'],
    ['ssh:forward', 'shop:5432', 'ALLOWED'],
    ['ssh:forward', 'db.internal:5432', 'DENIED'],
    ['ssh:shell', '', 'ALLOWED'],
    ['ssh:agent', '', 'DENIED'],
  ])('%s %s: %s', async (action, object, verdict) => {
    const { out } = await explain('--target', 'web-1', ...asDev, '--action', action, object);

    expect(out).toContain(`\n${verdict}`);
  });

  test('is wrong of an action that there is not, and of a database', async () => {
    await expect(explain('--target', 'web-1', ...asDev, '--action', 'ssh:fly', 'x')).rejects.toThrow(
      'ssh:forward',
    );
    await expect(explain(...asDev, '--action', 'ssh:shell', 'x')).rejects.toThrow('for hosts');
  });
});

describe('explain', () => {
  test('prints the decision, the facts, and the policies with their files and lines', async () => {
    const { out, exitCode } = await explain(...asDev, 'DELETE FROM orders');

    const line = readFileSync(join(sampleFolder, 'policies/everyone.cedar'), 'utf8')
      .split('\n')
      .findIndex(text => text.includes('"no-delete-without-where"'));
    expect(exitCode).toBe(1);
    expect(out).toContain('dev@shop.example (human; developers) at shop, place shop');
    expect(out).toContain('DENIED  A DELETE without WHERE');
    expect(out).toContain('DELETE; writes, without WHERE, 1 statement');
    expect(out).toContain(`no-delete-without-where  ${sampleFolder}/policies/everyone.cedar:${line + 1}`);
    expect(out).toContain('when { context.noWhere };');
  });

  test('says what is permitted, and what would follow', async () => {
    const { out, exitCode } = await explain(...asDev, 'SELECT count(*) FROM orders');

    expect(exitCode).toBe(0);
    expect(out).toContain('ALLOWED  recorded at local');
    expect(out).toContain('reads only, 1 statement; calls count');
  });

  test('takes an agent for what its token says it is', async () => {
    const { out, exitCode } = await explain(
      '--ready-file',
      'ready.json',
      '--as',
      'agent',
      'TABLE orders; TABLE payments',
    );

    expect(exitCode).toBe(1);
    expect(out).toContain('agent (agent; agents)');
    expect(out).toContain('permitted  postgres:select on public.orders');
    expect(out).toContain('denied     postgres:select on public.payments');
  });

  test('prints everything as JSON', async () => {
    const { out } = await explain(
      '--principal',
      'person.json',
      '--json',
      '--at',
      '2026-01-31T09:00Z',
      'VACUUM orders',
    );

    expect(JSON.parse(out)).toMatchObject({
      principal: { groups: ['dbas'] },
      connect: { effect: 'allow' },
      decision: { effect: 'allow', policies: ['dbas-everything'] },
      facts: { operations: [{ action: 'postgres:maintenance', objects: ['public.orders'] }] },
      answers: [{ policies: [{ id: 'dbas-everything', file: 'policies/dbas.cedar' }] }],
    });
  });

  test('says so when the session itself would be refused', async () => {
    const { out, exitCode } = await explain('--groups', 'auditors', 'SELECT 1');

    expect(exitCode).toBe(1);
    expect(out).toContain('The session itself would be refused: No policy permits connect.');
  });

  test('says why a text could not be read', async () => {
    const { out, exitCode } = await explain(...asDev, 'SELEC 1');

    expect(exitCode).toBe(1);
    expect(out).toContain('The text could not be read:');
  });

  test.each([
    ['nobody named', ['SELECT 1']],
    ['two ways of naming somebody', [...asDev, '--groups', 'dbas', 'SELECT 1']],
    ['a person that is not there', ['--ready-file', 'ready.json', '--as', 'mallory', 'SELECT 1']],
    ['no ready file', ['--ready-file', 'nowhere.json', '--as', 'dev', 'SELECT 1']],
    ['a file that is no principal', ['--principal', 'other.json', 'SELECT 1']],
    ['another target', [...asDev, '--target', 'shopp', 'SELECT 1']],
    ['another database', [...asDev, '--target', 'shop/secrets', 'SELECT 1']],
    ['a time that is none', [...asDev, '--at', 'noon', 'SELECT 1']],
    ['a version that nobody knows', [...asDev, '--server-version', '9', 'SELECT 1']],
    ['a configuration that is not there', [...asDev, '--config', '/nowhere', 'SELECT 1']],
  ])('with %s is wrong use', async (_, args) => {
    await expect(explain(...args)).rejects.toThrow(UsageError);
  });

  test('without a statement is wrong use', async () => {
    await expect(explain(...asDev)).rejects.toThrow(CommanderError);
  });
});

describe('check-config', () => {
  test('sums up a configuration that holds', async () => {
    const { out, exitCode } = await run(checkConfigCommand, ['--config', sampleFolder]);

    expect(exitCode).toBe(0);
    expect(out).toMatch(
      /holds: \d+ policies, 2 targets, 1 group of approvers, 6 classes of masked data\.\nsha256:/,
    );
  });

  test('lists all mistakes with file and line, and fails', async () => {
    await withFolder(
      { 'targets.yaml': 'shop: {}', 'approvals.yaml': '', 'masks.yaml': '', 'policies/a.cedar': 'permit(' },
      async dir => {
        const { out, err, exitCode } = await run(checkConfigCommand, ['--config', dir]);
        const json = await run(checkConfigCommand, ['--config', dir, '--json']);

        expect(exitCode).toBe(1);
        expect(out).toContain(`${dir}/targets.yaml:1:1: "protocol" is missing`);
        expect(out).toContain(`${dir}/policies/a.cedar:1:`);
        expect(err).toBe(`2 mistakes in ${dir}.\n`);
        expect(json.exitCode).toBe(1);
        expect(JSON.parse(json.out)).toMatchObject({
          version: null,
          mistakes: [{ file: 'policies/a.cedar' }, { file: 'targets.yaml', line: 1 }],
        });
      },
    );
  });

  test('writes the JSON Schemas that editors use', async () => {
    await withFolder({}, async dir => {
      writeFileSync(join(dir, 'masks.yaml'), '');
      await run(checkConfigCommand, ['--config', dir, '--write-schemas']);

      expect(JSON.parse(readFileSync(join(dir, 'schema/targets.json'), 'utf8'))).toHaveProperty(
        'additionalProperties',
      );
    });
  });
});
