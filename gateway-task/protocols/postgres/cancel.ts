import { randomBytes, randomInt } from 'node:crypto';

/** The key that the gateway gives a client for its session; the target's own is never shown. */
export interface CancelIdentity {
  readonly processId: number;
  readonly secretKey: Buffer;
}

/** Protocol 3.2 allows longer secrets; clients of 3.0 take exactly four bytes. */
export function newCancelIdentity(minor: number): CancelIdentity {
  return { processId: randomInt(1, 2 ** 31 - 1), secretKey: randomBytes(minor >= 2 ? 32 : 4) };
}

/** One string for both parts, to look a session up by. */
export function cancelKey(processId: number, secretKey: Buffer): string {
  return `${processId}:${secretKey.toString('hex')}`;
}
