import type { ServerMessage, Value } from '#cli/replay/events.ts';

/**
 * The messages that a transcript shows, https://www.postgresql.org/docs/18/protocol-message-formats.html.
 * A body may be cut short or be anything at all: what is not there reads as empty, nothing throws.
 */

/** Walks a body; past its end everything is empty. */
class Body {
  readonly #bytes: Buffer;
  #offset: number;

  constructor(bytes: Buffer, offset = 0) {
    this.#bytes = bytes;
    this.#offset = offset;
  }

  get done(): boolean {
    return this.#offset >= this.#bytes.length;
  }

  string(): string {
    const zero = this.#bytes.indexOf(0, this.#offset);
    const end = zero < 0 ? this.#bytes.length : zero;
    const text = this.#bytes.toString('utf8', Math.min(this.#offset, end), end);
    this.#offset = end + 1;
    return text;
  }

  int16(): number {
    return this.#int(2);
  }

  int32(): number {
    return this.#int(4);
  }

  /** `length` bytes, or what there is of them. */
  take(length: number): Buffer {
    const start = Math.min(this.#offset, this.#bytes.length);
    this.#offset += length;
    return this.#bytes.subarray(start, Math.min(this.#offset, this.#bytes.length));
  }

  #int(bytes: 2 | 4): number {
    const at = this.#offset;
    this.#offset += bytes;
    if (this.#offset > this.#bytes.length) return 0;
    return bytes === 2 ? this.#bytes.readInt16BE(at) : this.#bytes.readInt32BE(at);
  }

  /** As many as are there, `count` at most: a count is only a claim. */
  *times(count: number): Generator<number, void, void> {
    for (let index = 0; index < count && !this.done; index++) yield index;
  }
}

export interface Column {
  readonly name: string;
  /** 0 text, 1 binary. */
  readonly format: number;
}

/** Q */
export const readQuery = (body: Buffer): string => new Body(body).string();

/** P */
export function readParse(body: Buffer): { name: string; text: string } {
  const reader = new Body(body);
  return { name: reader.string(), text: reader.string() };
}

/** B */
export function readBind(body: Buffer): {
  portal: string;
  statement: string;
  values: Value[];
  resultFormats: number[];
} {
  const reader = new Body(body);
  const portal = reader.string();
  const statement = reader.string();
  const formats = [...reader.times(reader.int16())].map(() => reader.int16());
  const values = [...reader.times(reader.int16())].map(index =>
    readValue(reader, formats.length === 1 ? formats[0]! : (formats[index] ?? 0)),
  );
  const resultFormats = [...reader.times(reader.int16())].map(() => reader.int16());
  return { portal, statement, values, resultFormats };
}

/** E, and D and C after their first byte */
export const readName = (body: Buffer, offset = 0): string => new Body(body, offset).string();

/** T */
export function readRowDescription(body: Buffer): Column[] {
  const reader = new Body(body);
  return [...reader.times(reader.int16())].map(() => {
    const name = reader.string();
    reader.take(16);
    return { name, format: reader.int16() };
  });
}

/** D */
export function readDataRow(body: Buffer, formatOf: (column: number) => number): Value[] {
  const reader = new Body(body);
  return [...reader.times(reader.int16())].map(column => readValue(reader, formatOf(column)));
}

/** E and N */
export function readServerMessage(body: Buffer): ServerMessage {
  const reader = new Body(body);
  const fields = new Map<string, string>();
  while (!reader.done) {
    const field = reader.string();
    if (field === '') break;
    fields.set(field[0]!, field.slice(1));
  }
  const [detail, hint] = [fields.get('D'), fields.get('H')];
  return {
    severity: fields.get('V') ?? fields.get('S') ?? '',
    code: fields.get('C') ?? '',
    message: fields.get('M') ?? '',
    ...(detail === undefined ? {} : { detail }),
    ...(hint === undefined ? {} : { hint }),
  };
}

/** A */
export function readNotification(body: Buffer): { channel: string; payload: string } {
  const reader = new Body(body, 4);
  return { channel: reader.string(), payload: reader.string() };
}

function readValue(reader: Body, format: number): Value {
  const length = reader.int32();
  if (length < 0) return null;
  const bytes = reader.take(length);
  return format === 0 ? { text: bytes.toString('utf8') } : { hex: bytes.toString('hex'), bytes: length };
}
