import type { SallyportError } from '#lib/errors.ts';

const maxTextBytes = 1_000;

/** A refusal in one line for the client: no control characters, bounded. */
export function refusalText({ message, detail, hint }: SallyportError): string {
  const text = [message, detail, hint]
    .filter(part => part !== undefined)
    .map(part => (/[.!?]$/.test(part) ? part : `${part}.`))
    .join(' ')
    .replace(/\p{Cc}/gu, ' ');
  const bytes = Buffer.from(text);
  if (bytes.length <= maxTextBytes) return text;
  // A character that is cut in two becomes U+FFFD, which goes too.
  return `${bytes.toString('utf8', 0, maxTextBytes).replace(/\uFFFD$/, '')}...`;
}
