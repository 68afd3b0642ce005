import { SshReader, SshWriter } from '#lib/ssh/data-types.ts';

/** Builders of the messages of RFC 4254, in its order of pages, for whichever end says them. */
export const say = {
  globalRequest: (name: string, wantReply: boolean, rest: Uint8Array = none) =>
    new SshWriter().u8(80).string(name).bool(wantReply).raw(rest).done(),
  requestSuccess: (rest: Uint8Array = none) => new SshWriter().u8(81).raw(rest).done(),
  requestFailure: () => Buffer.of(82),
  open: (type: string, sender: number, window = 2_097_152, packet = 32_768, rest: Uint8Array = none) =>
    new SshWriter().u8(90).string(type).u32(sender).u32(window).u32(packet).raw(rest).done(),
  confirm: (recipient: number, sender: number, window = 2_097_152, packet = 32_768) =>
    new SshWriter().u8(91).u32(recipient).u32(sender).u32(window).u32(packet).done(),
  openFailure: (recipient: number, text = 'no') =>
    new SshWriter().u8(92).u32(recipient).u32(2).string(text).string('').done(),
  adjust: (recipient: number, bytes: number) => new SshWriter().u8(93).u32(recipient).u32(bytes).done(),
  data: (recipient: number, bytes: string | Uint8Array) =>
    new SshWriter().u8(94).u32(recipient).string(bytes).done(),
  stderr: (recipient: number, bytes: string | Uint8Array) =>
    new SshWriter().u8(95).u32(recipient).u32(1).string(bytes).done(),
  eof: (recipient: number) => new SshWriter().u8(96).u32(recipient).done(),
  close: (recipient: number) => new SshWriter().u8(97).u32(recipient).done(),
  request: (recipient: number, name: string, wantReply: boolean, rest: Uint8Array = none) =>
    new SshWriter().u8(98).u32(recipient).string(name).bool(wantReply).raw(rest).done(),
  success: (recipient: number) => new SshWriter().u8(99).u32(recipient).done(),
  failure: (recipient: number) => new SshWriter().u8(100).u32(recipient).done(),
};

const none = Buffer.alloc(0);

/** What stands behind the head of an open or a request. */
export const rest = {
  strings: (...values: (string | Uint8Array)[]) =>
    values.reduce((writer: SshWriter, value) => writer.string(value), new SshWriter()).done(),
  directTcp: (host: string, port: number) =>
    new SshWriter().string(host).u32(port).string('127.0.0.1').u32(4_711).done(),
  forwardedTcp: (host: string, port: number) =>
    new SshWriter().string(host).u32(port).string('192.0.2.9').u32(4_711).done(),
  directUnix: (path: string) => new SshWriter().string(path).string('').u32(0).done(),
  listen: (host: string, port: number) => new SshWriter().string(host).u32(port).done(),
  /** @param modes opcodes and values, RFC 4254 section 8 */
  pty: (term = 'xterm', cols = 80, rows = 24, modes: readonly (readonly [number, number])[] = []) => {
    const list = modes.reduce((writer, [opcode, value]) => writer.u8(opcode).u32(value), new SshWriter());
    const writer = new SshWriter().string(term).u32(cols).u32(rows).u32(0).u32(0);
    return writer.string(list.u8(0).done()).done();
  },
  size: (cols: number, rows: number) => new SshWriter().u32(cols).u32(rows).u32(0).u32(0).done(),
  status: (status: number) => new SshWriter().u32(status).done(),
  signal: (name: string) => new SshWriter().string(name).bool(false).string('').string('').done(),
};

const names: Readonly<Record<number, string>> = {
  1: 'disconnect',
  52: 'userauth success',
  53: 'banner',
  80: 'global request',
  81: 'request success',
  82: 'request failure',
  90: 'open',
  91: 'confirm',
  92: 'open failure',
  93: 'adjust',
  94: 'data',
  95: 'stderr',
  96: 'eof',
  97: 'close',
  98: 'request',
  99: 'success',
  100: 'failure',
};

/** A message in words: `data 3 "ls"`, `confirm 5 7 1000 32768`. */
export function words(payload: Buffer): string {
  const reader = new SshReader(payload);
  const type = reader.u8();
  const name = names[type] ?? `message ${type}`;
  const quoted = () => JSON.stringify(reader.string().toString('latin1'));
  switch (name) {
    case 'banner':
      return `${name} ${quoted()}`;
    case 'global request':
      return `${name} ${quoted()} ${reader.bool()}`;
    case 'open':
      return `${name} ${quoted()} ${reader.u32()} ${reader.u32()} ${reader.u32()}`;
    case 'confirm':
      return `${name} ${reader.u32()} ${reader.u32()} ${reader.u32()} ${reader.u32()}`;
    case 'open failure':
      return `${name} ${reader.u32()} ${reader.u32()} ${quoted()}`;
    case 'adjust':
      return `${name} ${reader.u32()} ${reader.u32()}`;
    case 'data':
      return `${name} ${reader.u32()} ${quoted()}`;
    case 'stderr': {
      const channel = reader.u32();
      reader.u32();
      return `${name} ${channel} ${quoted()}`;
    }
    case 'request': {
      const channel = reader.u32();
      const request = reader.name();
      const wantReply = reader.bool();
      const detail = request === 'exit-status' ? ` ${reader.u32()}` : '';
      return `${name} ${channel} ${request}${wantReply ? ' !' : ''}${detail}`;
    }
    case 'eof':
    case 'close':
    case 'success':
    case 'failure':
      return `${name} ${reader.u32()}`;
    default:
      return name;
  }
}
