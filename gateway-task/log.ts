import { writeSync } from 'node:fs';
import pino, { type Logger } from 'pino';

const standardError = 2;

/**
 * The operator's log, a JSON line an event, on standard error. A line that cannot be written is lost, and the
 * process goes on: pino's own destination ends it with an unheard error when the log's disk is full, and then
 * waits for ever inside `fatal` (sonic-boom retries every error in flushSync).
 *
 * @param name of the program
 */
export function makeLog(name: string): Logger {
  return pino({ name, level: process.env['LOG_LEVEL'] ?? 'info' }, { write: writeLine });
}

function writeLine(line: string): void {
  try {
    writeSync(standardError, line);
  } catch {
    // There is nowhere left to say so.
  }
}
