/** What the gateway reads out of the server's messages; everything else passes unread. */

export interface ErrorText {
  readonly severity: string;
  /** SQLSTATE */
  readonly code: string;
  readonly message: string;
}

/** @param body an ErrorResponse or NoticeResponse without its head. */
export function readErrorFields(body: Buffer): ErrorText {
  const fields = new Map<string, string>();
  let offset = 0;
  while (offset < body.length && body[offset] !== 0) {
    const end = body.indexOf(0, offset + 1);
    if (end < 0) break;
    fields.set(String.fromCharCode(body[offset]!), body.toString('utf8', offset + 1, end));
    offset = end + 1;
  }
  return {
    severity: fields.get('V') ?? fields.get('S') ?? 'ERROR',
    code: fields.get('C') ?? 'XX000',
    message: fields.get('M') ?? '',
  };
}

/** @param body a ParameterStatus without its head. */
export function readParameterStatus(body: Buffer): [name: string, value: string] {
  const zero = body.indexOf(0);
  const end = body.indexOf(0, zero + 1);
  return [body.toString('utf8', 0, zero), body.toString('utf8', zero + 1, end < 0 ? body.length : end)];
}

/**
 * The columns of a DataRow without its head; a NULL is undefined. Used for the gateway's own questions
 * alone, whose answers are small.
 */
export function readDataRow(body: Buffer): (Buffer | undefined)[] {
  const columns: (Buffer | undefined)[] = [];
  let offset = 2;
  for (let index = body.readUInt16BE(0); index > 0; index -= 1) {
    const length = body.readInt32BE(offset);
    offset += 4;
    columns.push(length < 0 ? undefined : Buffer.from(body.subarray(offset, offset + length)));
    offset += Math.max(length, 0);
  }
  return columns;
}
