/** Builds the client's messages as the protocol's page lays them out. */
const text = (value: string): Buffer => Buffer.from(`${value}\0`);

function message(type: string, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const int16 = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [index, value] of values.entries()) bytes.writeInt16BE(value, index * 2);
  return bytes;
};
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};

export const client = {
  query: (sql: string) => message('Q', text(sql)),
  parse: (name: string, sql: string) => message('P', text(name), text(sql), int16(0)),
  bind: (portal: string, statement: string, ...values: string[]) =>
    message(
      'B',
      text(portal),
      text(statement),
      int16(0, values.length),
      ...values.flatMap(value => [int32(Buffer.byteLength(value)), Buffer.from(value)]),
      int16(0),
    ),
  describe: (kind: 'S' | 'P', name: string) => message('D', Buffer.from(kind), text(name)),
  execute: (portal: string) => message('E', text(portal), int32(0)),
  close: (kind: 'S' | 'P', name: string) => message('C', Buffer.from(kind), text(name)),
  flush: () => message('H'),
  sync: () => message('S'),
  copyData: (data: string) => message('d', Buffer.from(data)),
  copyDone: () => message('c'),
  copyFail: (why: string) => message('f', text(why)),
  functionCall: () => message('F', int32(1), int16(0, 0, 0)),
  terminate: () => message('X'),
  password: (word: string) => message('p', text(word)),
};

export const server = {
  ready: (status = 'I') => message('Z', Buffer.from(status)),
  parseComplete: () => message('1'),
  bindComplete: () => message('2'),
  closeComplete: () => message('3'),
  commandComplete: (tag: string) => message('C', text(tag)),
  dataRow: (...values: string[]) =>
    message(
      'D',
      int16(values.length),
      ...values.flatMap(value => [int32(Buffer.byteLength(value)), Buffer.from(value)]),
    ),
  rowDescription: () => message('T', int16(0)),
  parameterStatus: (name: string, value: string) => message('S', text(name), text(value)),
  error: (code: string, words: string, severity = 'ERROR') =>
    message(
      'E',
      text(`S${severity}`),
      text(`V${severity}`),
      text(`C${code}`),
      text(`M${words}`),
      Buffer.alloc(1),
    ),
  notice: (words: string) => message('N', text('SNOTICE'), text(`M${words}`), Buffer.alloc(1)),
  copyIn: () => message('G', Buffer.from([0]), int16(0)),
};
