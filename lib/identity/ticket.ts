import { createHash, randomBytes } from 'node:crypto';

/**
 * A ticket: a password for one principal and one target that works once and lives minutes.
 *
 *     "sp_tkt_" || base64url(32 random bytes, no padding)        50 characters
 *
 * The prefix lets the gateway tell it from a token, and lets secret scanners find one that leaked. Only its
 * SHA-256 is ever stored; 256 random bits need neither salt nor a slow hash.
 */
export const ticketPrefix = 'sp_tkt_';

const ticketPattern = /^sp_tkt_[A-Za-z0-9_-]{43}$/;
const ticketBytes = 32;

/** Makes a ticket. `random(n)` answers `n` unpredictable bytes. */
export function makeTicket(random: (bytes: number) => Uint8Array = randomBytes): string {
  const bytes = random(ticketBytes);
  if (bytes.length !== ticketBytes) throw new TypeError(`random must answer ${ticketBytes} bytes`);
  return ticketPrefix + Buffer.from(bytes).toString('base64url');
}

/** Whether `text` has the form of a ticket; says nothing about its being good. */
export function isTicket(text: string): boolean {
  return ticketPattern.test(text);
}

/** SHA-256 of the whole ticket, prefix included, in lower-case hex: what is stored and looked up. */
export function hashTicket(ticket: string): string {
  return createHash('sha256').update(ticket, 'utf8').digest('hex');
}
