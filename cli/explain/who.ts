import { decodeJwt } from 'jose';
import { z } from 'zod';
import { defaultReadyFile, readReadyFile } from '#cli/connection.ts';
import type { Io } from '#cli/io.ts';
import { UsageError } from '#cli/usage-error.ts';
import { principalFromClaims } from '#lib/identity/claims.ts';
import type { Principal } from '#lib/identity/principal.ts';
import { principalSchema } from '#lib/identity/principal-schema.ts';

export interface WhoOptions {
  readonly as?: string;
  readonly principal?: string;
  readonly groups?: string;
  readonly kind: Principal['kind'];
  readonly readyFile?: string;
}

/**
 * Whom the question is asked for. Nothing is verified: the answer is an explanation, and opens nothing.
 *
 * @throws {UsageError} when nobody is named, or cannot be found.
 */
export async function readWho(options: WhoOptions, io: Io): Promise<Principal> {
  const ways = [options.as, options.principal, options.groups].filter(way => way !== undefined);
  if (ways.length !== 1) {
    throw new UsageError('Say for whom, in one way: --as NAME, --principal FILE, or --groups A,B.');
  }
  if (options.as !== undefined) return fromReadyFile(options.readyFile ?? defaultReadyFile, options.as, io);
  if (options.principal !== undefined) return fromFile(options.principal, io);
  const groups = (options.groups ?? '').split(',').filter(Boolean);
  const [issuer, name] = ['https://issuer.invalid', 'somebody'];
  return { issuer, subject: name, name, kind: options.kind, groups, expiresAt: 0 };
}

async function fromReadyFile(file: string, name: string, io: Io): Promise<Principal> {
  const { people } = await readReadyFile(file, io);
  const person = Object.hasOwn(people, name) ? people[name] : undefined;
  if (person === undefined) {
    throw new UsageError(`${file} has no "${name}". It has ${Object.keys(people).join(', ')}.`);
  }
  return principalFromClaims(decodeJwt(person.token));
}

async function fromFile(file: string, io: Io): Promise<Principal> {
  const text = await io.readFile(file).catch(() => {
    throw new UsageError(`${file} cannot be read.`);
  });
  try {
    return principalSchema.parse(JSON.parse(text));
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : 'it is not JSON';
    throw new UsageError(`${file} is not a principal: ${why}`);
  }
}
