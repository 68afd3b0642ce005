import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { z } from 'zod';
import { approvalsSchema } from '#lib/policy/config/approvals.ts';
import { masksSchema } from '#lib/policy/config/masks.ts';
import { targetsSchema } from '#lib/policy/config/targets.ts';

/** One Cedar policy, and where a person finds it. */
const policyText = z.strictObject({
  /** Its `@id`; no two are the same. */
  id: z.string().min(1).max(128),
  /** Path below the configuration folder: `policies/developers.cedar`. */
  file: z.string().max(512),
  /** Line of its first word, from 1. */
  line: z.int().min(1),
  text: z.string().max(65_536),
});

const content = z.strictObject({
  /** The Cedar schema that the policies were checked against. */
  schema: z.string().min(1).max(262_144),
  policies: z.array(policyText).max(2_000),
  targets: targetsSchema,
  approvals: approvalsSchema,
  masks: masksSchema,
});

/** All that decides what is permitted, at one moment. Immutable; its version is the digest of its content. */
export const snapshotSchema = content.extend({ version: z.string().regex(/^sha256:[0-9a-f]{64}$/) });

export type PolicyText = Readonly<z.output<typeof policyText>>;
export type SnapshotContent = Readonly<z.output<typeof content>>;
export type Snapshot = Readonly<z.output<typeof snapshotSchema>>;

/** Longest canonical form, in bytes, that is published or taken in. */
export const maxSnapshotBytes = 1_048_576;

/** A snapshot that is not one: wrong shape, too large, or content that does not have the version it names. */
export class SnapshotError extends Error {
  override readonly name = 'SnapshotError';
}

/** The version of a content: `sha256:` and the SHA-256 of its canonical JSON (RFC 8785), in lower-case hex. */
export function versionOf(snapshot: SnapshotContent): string {
  const { schema, policies, targets, approvals, masks } = snapshot;
  const canonical = canonicalize({ schema, policies, targets, approvals, masks }) as string;
  const bytes = Buffer.byteLength(canonical);
  if (bytes > maxSnapshotBytes) {
    throw new SnapshotError(`The policy snapshot has ${bytes} bytes, the limit is ${maxSnapshotBytes}.`);
  }
  return `sha256:${createHash('sha256').update(canonical).digest('hex')}`;
}

/** Gives a content its version. Throws `SnapshotError` for what `parseSnapshot` would not take in. */
export function sealSnapshot(snapshot: SnapshotContent): Snapshot {
  return parseSnapshot({ ...snapshot, version: versionOf(snapshot) });
}

/**
 * Takes in a snapshot that came over the wire. Throws `SnapshotError` unless it has the shape, is within the
 * size and has the very content that its version names.
 */
export function parseSnapshot(value: unknown): Snapshot {
  const parsed = snapshotSchema.safeParse(value);
  if (!parsed.success) throw new SnapshotError(`Not a policy snapshot: ${z.prettifyError(parsed.error)}`);
  const actual = versionOf(parsed.data);
  if (actual !== parsed.data.version) {
    throw new SnapshotError(
      `The policy snapshot says it is ${parsed.data.version}, its content is ${actual}.`,
    );
  }
  return parsed.data;
}
