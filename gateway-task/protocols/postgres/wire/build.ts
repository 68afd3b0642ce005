/**
 * Messages that the gateway writes itself, byte for byte as
 * https://www.postgresql.org/docs/18/protocol-message-formats.html lays them out. Everything else on the
 * wire is forwarded as it came.
 */

const text = (value: string): Buffer => Buffer.from(`${value}\0`, 'utf8');

/** A typed message: one letter, the length of the rest with itself, the body. */
export function message(type: string, ...parts: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeUInt32BE(4 + parts.reduce((sum, part) => sum + part.length, 0), 1);
  return Buffer.concat([head, ...parts]);
}

export function int32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeInt32BE(value | 0, index * 4);
  return bytes;
}

export interface ErrorFields {
  readonly severity: 'ERROR' | 'FATAL';
  /** SQLSTATE */
  readonly code: string;
  readonly message: string;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
  /** A character of the query, from 1, in decimal. */
  readonly position?: string | undefined;
}

export function errorResponse(fields: ErrorFields): Buffer {
  const parts: [string, string | undefined][] = [
    ['S', fields.severity],
    ['V', fields.severity],
    ['C', fields.code],
    ['M', fields.message],
    ['D', fields.detail],
    ['H', fields.hint],
    ['P', fields.position],
  ];
  const body = parts.flatMap(([key, value]) => (value === undefined ? [] : [text(key + withoutNul(value))]));
  return message('E', ...body, Buffer.alloc(1));
}

export function noticeResponse(words: string): Buffer {
  const fields = [
    ['S', 'NOTICE'],
    ['V', 'NOTICE'],
    ['C', '00000'],
    ['M', words],
  ];
  return message('N', ...fields.map(([key, value]) => text(key + withoutNul(value!))), Buffer.alloc(1));
}

/** A client that speaks a newer minor version, or options of it, is told what is spoken here. */
export function negotiateProtocolVersion(minor: number, unknownOptions: readonly string[]): Buffer {
  return message('v', int32((3 << 16) | minor, unknownOptions.length), ...unknownOptions.map(text));
}

export const authentication = {
  ok: (): Buffer => message('R', int32(0)),
  cleartextPassword: (): Buffer => message('R', int32(3)),
  sasl: (...mechanisms: readonly string[]): Buffer =>
    message('R', int32(10), ...mechanisms.map(text), Buffer.alloc(1)),
  saslContinue: (data: Buffer): Buffer => message('R', int32(11), data),
};

export function backendKeyData(processId: number, secretKey: Buffer): Buffer {
  return message('K', int32(processId), secretKey);
}

export function query(sql: string): Buffer {
  return message('Q', text(sql));
}

/** Parse of an unnamed or named statement without parameter types. */
export function parse(name: string, sql: string): Buffer {
  return message('P', text(name), text(sql), Buffer.alloc(2));
}

/** Bind without parameters, results as text. */
export function bind(portal: string, statement: string): Buffer {
  return message('B', text(portal), text(statement), Buffer.alloc(6));
}

/** Execute to the end. */
export function execute(portal: string): Buffer {
  return message('E', text(portal), Buffer.alloc(4));
}

export function close(kind: 'S' | 'P', name: string): Buffer {
  return message('C', Buffer.from(kind), text(name));
}

export function sync(): Buffer {
  return message('S');
}

export function password(value: string): Buffer {
  return message('p', text(value));
}

export function saslInitialResponse(mechanism: string, data: Buffer): Buffer {
  return message('p', text(mechanism), int32(data.length), data);
}

export function saslResponse(data: Buffer): Buffer {
  return message('p', data);
}

export function terminate(): Buffer {
  return message('X');
}

/** Packets before typed messages: no letter. */
export function opening(code: number, ...parts: readonly Buffer[]): Buffer {
  const length = 8 + parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([int32(length, code), ...parts]);
}

export function sslRequest(): Buffer {
  return opening(80877103);
}

export function cancelRequest(processId: number, secretKey: Buffer): Buffer {
  return opening(80877102, int32(processId), secretKey);
}

export function startup(minor: number, parameters: Iterable<readonly [string, string]>): Buffer {
  const pairs = Array.from(parameters, ([name, value]) => Buffer.concat([text(name), text(value)]));
  return opening((3 << 16) | minor, ...pairs, Buffer.alloc(1));
}

function withoutNul(value: string): string {
  return value.replaceAll('\0', '');
}
