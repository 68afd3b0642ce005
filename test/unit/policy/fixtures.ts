import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CommandFacts, Operation, Risk } from '#lib/command.ts';
import type { Principal } from '#lib/identity/principal.ts';
import { splitPolicies } from '#lib/policy/config/cedar-text.ts';
import { schemaFile } from '#lib/policy/config/load.ts';
import type { DecisionInput } from '#lib/policy/decision.ts';
import { PolicyEngine } from '#lib/policy/engine.ts';
import { type Snapshot, type SnapshotContent, sealSnapshot } from '#lib/policy/snapshot.ts';

export const schema = readFileSync(schemaFile, 'utf8');
export const sampleFolder = fileURLToPath(new URL('../../../config', import.meta.url));

export function person(overrides: Partial<Principal> = {}): Principal {
  return {
    issuer: 'https://id.example',
    subject: 'u1',
    name: 'dev@shop.example',
    kind: 'human',
    groups: ['developers'],
    expiresAt: 0,
    ...overrides,
  };
}

export function facts(operations: readonly Operation[], risk: Partial<Risk> = {}): CommandFacts {
  return {
    protocol: 'postgres',
    verb: 'SELECT',
    operations,
    functions: [],
    risk: {
      writes: false,
      ddl: false,
      noWhere: false,
      statements: 1,
      opaque: false,
      unknownCode: false,
      ...risk,
    },
  };
}

export const select = (...objects: string[]): Operation => ({ action: 'postgres:select', objects });

export function input(overrides: Partial<DecisionInput> = {}): DecisionInput {
  return {
    principal: person(),
    target: { name: 'shop', protocol: 'postgres', tags: { env: 'sample' } },
    command: facts([select('public.orders')]),
    context: { place: 'shop', sourceAddress: '192.0.2.7', now: Date.UTC(2026, 0, 31, 9, 30, 12) },
    ...overrides,
  };
}

/** A snapshot of these policies, which carry their ids. */
export function snapshotOf(cedar: string, content: Partial<SnapshotContent> = {}): Snapshot {
  const policies = splitPolicies(cedar).map(({ text }) => ({
    id: /@id\("([^"]*)"\)/.exec(text)?.[1] ?? '',
    file: 'policies/test.cedar',
    line: 1,
    text,
  }));
  const masks = { classes: {}, assignments: [] };
  return sealSnapshot({ schema, policies, targets: {}, approvals: {}, masks, ...content });
}

export const engineOf = (cedar: string) => PolicyEngine.load(snapshotOf(cedar));

/** Runs a test with a folder of these files, and removes it. */
export async function withFolder<T>(
  files: Record<string, string>,
  use: (dir: string) => T,
): Promise<Awaited<T>> {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-config-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(dir, name)), { recursive: true });
      writeFileSync(join(dir, name), text);
    }
    return await use(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}
