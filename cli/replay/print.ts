import type { ResultShown, ServerMessage, TranscriptEvent, Value } from '#cli/replay/events.ts';
import { decided, shorten, where } from '#cli/replay/phrases.ts';
import { isSshEvent, SshPrinter } from '#cli/replay/ssh/print.ts';
import { line, lines } from '#cli/terminal-safe.ts';
import { duration, size } from '#cli/units.ts';

/** Characters that are shown of a value in a table, of a bound value, of a message. JSON has all of them. */
const maxCell = 60;
const maxBound = 200;
const maxMessage = 500;

/** Turns events into text for people. Knows who the session is of from its open event. */
export class TranscriptPrinter {
  readonly #ssh = new SshPrinter(atNs => this.#time(atNs));
  #startedAt = 0;
  #who = '';

  print(event: TranscriptEvent): string {
    const out: string[] = [];
    if (event.kind === 'open') this.#open(event, out);
    else if (event.kind === 'statement') this.#statement(event, out);
    else if (isSshEvent(event)) return this.#ssh.print(event);
    else if (event.kind === 'end') {
      out.push(
        `${this.#time(event.atNs)}  end: ${line(event.how)}${event.reason ? ` (${line(event.reason)})` : ''}`,
      );
    } else out.push(`${this.#time(event.atNs)}  ${oneLine(event)}`, '');
    return `${out.join('\n')}\n`;
  }

  #open({ open }: TranscriptEvent & { kind: 'open' }, out: string[]): void {
    const { principal, target, place } = open;
    this.#startedAt = open.startedAt;
    this.#who = line(principal.name);
    const groups = principal.groups.length > 0 ? `, in ${principal.groups.join(', ')}` : '';
    out.push(
      `session ${line(open.session)}`,
      `  who     ${line(`${principal.name} (${principal.kind}${groups}; ${principal.subject} at ${principal.issuer})`)}`,
      ...(principal['onBehalfOf'] ? [`  for     ${line(person(principal['onBehalfOf']))}`] : []),
      `  target  ${line(`${where(target, place)} by ${open.protocol}`)}`,
      `  from    ${line(open.clientAddress)}, ${this.#date(0)}`,
      ...(open.via === undefined ? [] : [`  within  session ${line(open.via)}`]),
      ...(open.grant ? [`  grant   ${line(`${open.grant.id}: ${open.grant.reason}`)}`] : []),
      ...(open.policyVersion ? [`  policy  ${line(open.policyVersion)}`] : []),
      '',
    );
  }

  #statement(event: TranscriptEvent & { kind: 'statement' }, out: string[]): void {
    const { atNs, how, name, text, cutBytes, values, decision, refused, level, results, errors, durationNs } =
      event;
    const label = how === 'query' ? '' : `  ${how}${name ? ` ${line(name)}` : ''}`;
    out.push(`${this.#time(atNs)}  ${this.#who}${label}`);
    for (const row of lines(text)) out.push(`    ${row}`);
    if (cutBytes > 0) out.push(`    … ${cutBytes} more bytes of the message (--full shows all)`);
    for (const [index, value] of values.entries()) out.push(`    $${index + 1} = ${bound(value)}`);
    if (decision) out.push(`  ${decided(decision)}${level ? `, recorded ${line(level)}` : ''}`);
    // What the client was told says it, if it was told.
    if (refused !== undefined && !errors.some(error => error.message === refused)) {
      out.push(`  refused: ${line(refused)}`);
    }
    for (const result of results) printResult(result, out);
    for (const error of errors) out.push(...message(error));
    out.push(durationNs === undefined ? '  (no answer)' : `  ${duration(durationNs)}`, '');
  }

  #time(atNs: number): string {
    return this.#date(atNs).slice(11, 23);
  }

  #date(atNs: number): string {
    const date = new Date(this.#startedAt + atNs / 1e6);
    return Number.isFinite(date.getTime()) ? date.toISOString() : '????-??-??T??:??:??.???Z';
  }
}

function oneLine(event: TranscriptEvent): string {
  switch (event.kind) {
    case 'notice':
      return message(event.notice).join('\n').trimStart();
    case 'notification':
      return `notification on ${line(event.channel)}: ${line(event.payload)}`;
    case 'error':
      return [
        `error ${line(event.code)}: ${line(event.message)}`,
        ...(event.detail === undefined ? [] : [`    detail: ${line(event.detail)}`]),
      ].join('\n');
    case 'fault':
      return `FAULT ${line(event.fault)}: ${line(event.message)}${event.place ? ` ${line(JSON.stringify(event.place))}` : ''}`;
    default:
      return event.kind;
  }
}

function printResult(result: ResultShown, out: string[]): void {
  const { columns, rows, rowCount, tag, copiedIn, copiedOut } = result;
  const cells = rows.map(row => row.map(value => shorten(plain(value), maxCell)));
  const head = columns.map(name => shorten(line(name), maxCell));
  const table = head.length > 0 ? [head, ...cells] : cells;
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map(row => row[column]?.length ?? 0)));
  for (const row of table) {
    out.push(
      `    ${row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join(' | ')
        .trimEnd()}`,
    );
  }
  if (rowCount > rows.length)
    out.push(`    … ${rowCount - rows.length} more rows (--rows ${rowCount} shows all)`);
  const facts = [
    ...(rowCount > 0 || columns.length > 0 ? [`${rowCount} ${rowCount === 1 ? 'row' : 'rows'}`] : []),
    ...(copiedIn === undefined ? [] : [`${size(copiedIn)} copied in`]),
    ...(copiedOut === undefined ? [] : [`${size(copiedOut)} copied out`]),
  ];
  out.push(`  ${line(tag ?? 'unfinished')}${facts.length > 0 ? ` (${facts.join(', ')})` : ''}`);
}

function message({ severity, code, message: text, detail, hint }: ServerMessage): string[] {
  return [
    `  ${shorten(line(`${severity} ${code}: ${text}`), maxMessage)}`,
    ...(detail === undefined ? [] : [`    detail: ${line(detail)}`]),
    ...(hint === undefined ? [] : [`    hint: ${line(hint)}`]),
  ];
}

function bound(value: Value): string {
  if (value === null) return 'NULL';
  if ('text' in value) return shorten(`'${line(value.text)}'`, maxBound);
  const printable = Buffer.from(value.hex, 'hex').toString('utf8');
  const text = /^[\x20-\x7e]+$/.test(printable) && value.bytes > 3 ? ` '${printable}'` : '';
  return shorten(`\\x${value.hex}${text}`, maxBound);
}

function plain(value: Value): string {
  if (value === null) return 'NULL';
  return 'text' in value ? line(value.text) : `\\x${value.hex}`;
}

/** Of a principal, as far as the record says it. */
function person(value: object): string {
  const { name, subject } = value as { readonly name?: unknown; readonly subject?: unknown };
  return `${name} (${subject})`;
}
