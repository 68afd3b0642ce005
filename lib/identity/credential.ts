import { SallyportError } from '#lib/errors.ts';
import { isTicket, ticketPrefix } from './ticket.ts';

/** What a client gave as its password. */
export type Credential =
  | { readonly kind: 'ticket'; readonly ticket: string }
  | { readonly kind: 'token'; readonly token: string };

/** No credential is longer, in characters: a token of this size already holds hundreds of groups. */
export const maxCredentialLength = 16 * 1024;

const jwtPattern = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/**
 * Tells a ticket from an access token by form alone.
 *
 * @throws {SallyportError} `unauthenticated` when it is neither; what was given is never repeated.
 */
export function readCredential(password: string): Credential {
  if (password.length === 0) throw notACredential('No password was given.');
  if (password.length > maxCredentialLength) {
    throw notACredential(`The password is longer than ${maxCredentialLength} characters.`);
  }
  if (isTicket(password)) return { kind: 'ticket', ticket: password };
  if (password.startsWith(ticketPrefix)) throw notACredential('The ticket is not whole.');
  if (jwtPattern.test(password)) return { kind: 'token', token: password };
  throw notACredential('The password is neither an access token nor a ticket.');
}

function notACredential(message: string): SallyportError {
  return new SallyportError('unauthenticated', message, {
    hint: 'Give an access token, or a ticket made by "sallyport ticket TARGET", as the password.',
  });
}
