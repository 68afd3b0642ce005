import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { jsonSchemas } from '#lib/policy/config/json-schemas.ts';
import { loadConfig } from '#lib/policy/config/load.ts';
import { parseSnapshot } from '#lib/policy/snapshot.ts';
import { sampleFolder, withFolder } from './fixtures.ts';

const good = {
  'targets.yaml': 'shop: { protocol: postgres, secret: sallyport/targets/shop, database: shop }\n',
  'approvals.yaml': 'dba-oncall: { groups: [approvers] }\n',
  'masks.yaml': 'classes:\n  pii.email: { kind: redact }\n',
  'policies/all.cedar': '@id("all") permit(principal, action, resource);\n',
};

/** `file:line:column` and the message of every mistake. */
function mistakesOf(files: Record<string, string>) {
  return withFolder({ ...good, ...files }, dir =>
    loadConfig(dir).mistakes.map(({ file, line, column, message }) => [`${file}:${line}:${column}`, message]),
  );
}

const places = async (files: Record<string, string>) => (await mistakesOf(files)).map(([place]) => place);
const message = async (files: Record<string, string>) =>
  (await mistakesOf(files)).map(([, text]) => text).join('\n');

test('a folder without mistakes is a snapshot', async () => {
  const { snapshot, mistakes } = await withFolder(good, loadConfig);

  expect(mistakes).toEqual([]);
  expect(snapshot?.policies).toEqual([
    {
      id: 'all',
      file: 'policies/all.cedar',
      line: 1,
      text: '@id("all") permit(principal, action, resource);',
    },
  ]);
  expect(snapshot?.targets['shop']).toMatchObject({ databases: [], tls: { mode: 'verify-full' }, tags: {} });
  expect(parseSnapshot(JSON.parse(JSON.stringify(snapshot)))).toEqual(snapshot);
});

test('the same content is the same version, and another content another', async () => {
  const version = async (files: Record<string, string>) =>
    (await withFolder({ ...good, ...files }, loadConfig)).snapshot?.version;
  const spaced = { 'targets.yaml': `# The shop.\n\n${good['targets.yaml']}` };
  const other = { 'targets.yaml': good['targets.yaml'].replace('database: shop', 'database: shop2') };

  expect(await version(spaced)).toBe(await version({}));
  expect(await version(other)).not.toBe(await version({}));
});

test('all mistakes in all files are found at once, each at its place', async () => {
  const files = {
    'targets.yaml': `shop:
  protocol: postgres
  sekret: sallyport/targets/shop
  database: shop
  port: 70000
  tls: { mode: verify }
Ledger:
  protocol: postgre
`,
    'approvals.yaml': `dba-oncall:
  groups: []
  expires: soon
`,
    'masks.yaml': `classes:
  pii.email: { kind: partial, keep: first }
assignments:
  - { colum: shop.public.customers.email, class: pii.email }
`,
    'policies/a.cedar': `// The first file.
@id("one")
@mesage("x")
permit(principal, action == Action::"connect", resource == Target::"shoop");

permit(principal, action, resource) when { context.hour > };

@id("two") @approve("dba-on-call") @idle("8")
permit(principal, action in Action::"read", resource)
when { context.noWher };
`,
    'policies/b.cedar': `permit(principal, action, resource);
@id("one") @mask("pii.mail") @durability("eventually")
forbid(principal, action, resource) when { false };
`,
  };

  expect(await places(files)).toEqual([
    'approvals.yaml:2:3', // groups: none
    'approvals.yaml:3:3', // expires
    'masks.yaml:2:31', // keep
    'masks.yaml:4:5', // column is missing
    'masks.yaml:4:7', // colum
    'policies/a.cedar:3:1', // @mesage
    'policies/a.cedar:4:68', // Target::"shoop"
    'policies/a.cedar:6:59', // hour > nothing
    'policies/a.cedar:8:12', // @approve names nothing
    'policies/a.cedar:8:36', // @idle is no duration
    'policies/a.cedar:8:36', // @idle without connect
    'policies/a.cedar:10:8', // context.noWher
    'policies/b.cedar:1:1', // no @id
    'policies/b.cedar:2:1', // @id is taken
    'policies/b.cedar:2:1', // never matches
    'policies/b.cedar:2:12', // @mask names nothing
    'policies/b.cedar:2:12', // @mask on a forbid
    'policies/b.cedar:2:30', // @durability
    'targets.yaml:1:1', // secret is missing
    'targets.yaml:3:3', // sekret
    'targets.yaml:5:3', // port
    'targets.yaml:6:10', // mode
    'targets.yaml:7:1', // the name Ledger
    'targets.yaml:8:3', // protocol
  ]);
});

describe('a mistake says what to write', () => {
  test.each([
    ['targets.yaml', 'shop: { protocol: postgres, secret: s, datbase: shop }', 'Did you mean "database"?'],
    [
      'targets.yaml',
      'shop: { protocol: postgers, secret: s, database: shop }',
      '"protocol" must be postgres or ssh. Did you mean "postgres"?',
    ],
    [
      'targets.yaml',
      'shop: { secret: s, database: shop }',
      '"protocol" is missing: write protocol: postgres or ssh.',
    ],
    ['targets.yaml', 'shop: { protocol: postgres, secret: s }', '"database" is missing'],
    [
      'targets.yaml',
      'shop: { protocol: postgres, secret: s, database: shop, password: hunter2 }',
      'Put it in Secrets Manager',
    ],
    ['targets.yaml', 'shop: { protocol: postgres, secret: s, database: 5 }', '"database" must be a text'],
    ['targets.yaml', 'shop: [a, b]', '"shop" must be a mapping'],
    [
      'targets.yaml',
      'shop: { protocol: postgres, secret: s, database: shop, tls: { mode: verify-ca, ca: shop.pem } }',
      'put the file into this folder',
    ],
    [
      'targets.yaml',
      'shop: { protocol: postgres, secret: s, database: shop, tls: { mode: verify-ca, ca: ../shop.pem } }',
      'a .pem file in this folder',
    ],
    ['targets.yaml', '- shop', 'The file must be a mapping'],
    [
      'targets.yaml',
      'shop: { protocol: postgres, secret: s, database: shop }\nshop: {}',
      'Map keys must be unique',
    ],
    ['targets.yaml', 'shop: {', 'not YAML'],
    ['approvals.yaml', 'dba: { groups: [a], required: 0 }', '"required" must have at least 1'],
    ['approvals.yaml', 'DBA: { groups: [a] }', 'It must match'],
    [
      'masks.yaml',
      'assignments: [{ column: shop.public.a.b, class: pii.none }]',
      'There is no class "pii.none"',
    ],
    [
      'masks.yaml',
      'classes: { a: { kind: "null" } }\nassignments: [{ column: sop.public.a.b, class: a }]',
      'targets.yaml has no "sop": add it there or name another. Did you mean "shop"?',
    ],
    [
      'policies/all.cedar',
      '@id("a") permit(principal, action in Action::"raed", resource);',
      'did you mean `Action::"read"`?',
    ],
    [
      'policies/all.cedar',
      '@id("a") permit(principal, action, resource) when { principal.kind == Kind::"robot" };',
      '"robot"',
    ],
    ['policies/all.cedar', '@id("a") permit(principal == ?principal, action, resource);', 'template'],
    ['policies/all.cedar', '@id("a b") permit(principal, action, resource);', 'is not a name'],
    [
      'policies/all.cedar',
      '@id("a") @reason("maybe") permit(principal, action, resource);',
      '@reason("required")',
    ],
    ['policies/all.cedar', '// Nothing here.', ''],
  ])('%s with %s', async (file, text, expected) => {
    expect(await message({ [file]: text })).toContain(expected);
  });

  test('when a file or all policies are missing', async () => {
    const mistakes = await withFolder({}, dir => loadConfig(dir).mistakes);

    expect(mistakes.map(mistake => mistake.file)).toEqual([
      'approvals.yaml',
      'masks.yaml',
      'policies',
      'targets.yaml',
    ]);
  });

  test('when a file is not UTF-8, or too large', async () => {
    const mistakes = await withFolder(good, dir => {
      writeFileSync(join(dir, 'approvals.yaml'), Buffer.from([0x23, 0xff, 0xfe]));
      writeFileSync(join(dir, 'masks.yaml'), '#'.repeat(1_048_577));
      return loadConfig(dir).mistakes;
    });

    expect(mistakes.map(({ file, line }) => [file, line])).toEqual([
      ['approvals.yaml', 1],
      ['masks.yaml', 1],
    ]);
  });
});

test('places are counted in characters, beyond those that take several bytes too', async () => {
  const cedar = `// Grüße 👋
@id("a") @message("Größe 👋") permit(principal, action in Action::"read", resource) when { "ü👋" == context.veb };`;

  expect(await places({ 'policies/all.cedar': cedar })).toEqual([
    `policies/all.cedar:2:${(cedar.split('\n')[1] ?? '').indexOf('context.veb') + 1}`,
  ]);
});

test.each([
  ['-----BEGIN PRIVATE KEY-----', 2],
  ['-----BEGIN RSA PRIVATE KEY-----', 2],
  ['postgres://shop:hunter2@db/shop', 2],
  ['AKIAIOSFODNN7EXAMPLE', 2],
])('the secret %s is found wherever it stands', async (secret, line) => {
  const approvals = `${good['approvals.yaml']}# ${secret}\n`;

  const found = await mistakesOf({
    'approvals.yaml': approvals,
    'policies/all.cedar': `${good['policies/all.cedar']}// ${secret}\n`,
  });

  expect(found.map(([place]) => place)).toEqual([
    expect.stringMatching(`^approvals.yaml:${line}:`),
    expect.stringMatching(`^policies/all.cedar:${line}:`),
  ]);
});

test('certificates are taken into the snapshot, and anything else in their place is refused', async () => {
  const pem = execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ed25519', '-nodes', '-keyout', '/dev/null', '-subj', '/CN=ca', '-days', '1'],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const targets = good['targets.yaml'].replace(
    'database: shop',
    'database: shop, tls: { mode: verify-ca, ca: shop.pem }',
  );

  const held = await withFolder(
    { ...good, 'targets.yaml': targets, 'shop.pem': `a comment\n${pem}` },
    loadConfig,
  );
  expect(held.snapshot?.targets['shop']).toMatchObject({ tls: { ca: pem } });

  const broken = pem.replace(/\n[^-]{20}/, '\nAAAAAAAAAAAAAAAAAAAA');
  expect(await places({ 'targets.yaml': targets, 'shop.pem': broken })).toEqual(['targets.yaml:1:101']);
});

test('the JSON Schemas that editors use are current', () => {
  for (const [name, text] of Object.entries(jsonSchemas())) {
    // By content: the formatter has its own idea of line breaks.
    expect(JSON.parse(readFileSync(join(sampleFolder, 'schema', name), 'utf8'))).toEqual(JSON.parse(text));
    const yaml = readFileSync(join(sampleFolder, name.replace('.json', '.yaml')), 'utf8');
    expect(yaml).toMatch(`# yaml-language-server: $schema=schema/${name}\n`);
  }
});

test('a configuration that changes while it runs is another snapshot, and a wrong change is none', async () => {
  await withFolder({}, dir => {
    cpSync(sampleFolder, dir, { recursive: true });
    const before = loadConfig(dir).snapshot;
    const file = join(dir, 'policies/developers.cedar');

    writeFileSync(file, readFileSync(file, 'utf8').replace('@idle("30m")', '@idle("10m")'));
    const after = loadConfig(dir).snapshot;
    writeFileSync(file, 'permit(');
    const broken = loadConfig(dir);

    expect(after?.version).not.toBe(before?.version);
    expect(broken.snapshot).toBeUndefined();
  });
});
