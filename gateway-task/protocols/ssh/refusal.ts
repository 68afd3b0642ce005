import { errorTable, type SallyportError } from '#lib/errors.ts';

/** What a person reads on standard error, or in a message of their client. */
export function words(reason: SallyportError): string {
  const sentences = [reason.message, reason.detail, reason.hint].filter(Boolean).map(sentence);
  // They may quote what somebody sent, and are shown by a terminal.
  return `Sallyport: ${sentences.join(' ')}`.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}

/** As lines of a terminal that may be in raw mode. */
export function lines(reason: SallyportError): Buffer {
  return Buffer.from(`${words(reason)}\r\n`);
}

export function disconnectReasonOf(reason: SallyportError): number {
  return errorTable[reason.code].ssh;
}

function sentence(text: string | undefined): string {
  const trimmed = (text ?? '').trim();
  return /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}
