/** Letters of the typed messages, as numbers, in the direction they travel. */
const letter = (character: string): number => character.charCodeAt(0);

export const frontend = {
  bind: letter('B'),
  close: letter('C'),
  copyData: letter('d'),
  copyDone: letter('c'),
  copyFail: letter('f'),
  describe: letter('D'),
  execute: letter('E'),
  flush: letter('H'),
  functionCall: letter('F'),
  parse: letter('P'),
  password: letter('p'),
  query: letter('Q'),
  sync: letter('S'),
  terminate: letter('X'),
} as const;

export const backend = {
  authentication: letter('R'),
  backendKeyData: letter('K'),
  bindComplete: letter('2'),
  closeComplete: letter('3'),
  commandComplete: letter('C'),
  copyBothResponse: letter('W'),
  copyData: letter('d'),
  copyDone: letter('c'),
  copyInResponse: letter('G'),
  copyOutResponse: letter('H'),
  dataRow: letter('D'),
  emptyQueryResponse: letter('I'),
  errorResponse: letter('E'),
  negotiateProtocolVersion: letter('v'),
  noData: letter('n'),
  noticeResponse: letter('N'),
  notificationResponse: letter('A'),
  parameterDescription: letter('t'),
  parameterStatus: letter('S'),
  parseComplete: letter('1'),
  portalSuspended: letter('s'),
  readyForQuery: letter('Z'),
  rowDescription: letter('T'),
} as const;

/** A letter and a length field. */
export const headBytes = 5;
/** PostgreSQL's own bound on one message (MaxAllocSize). */
export const maxFrameBytes = 0x3fffffff;

/** Names and small messages: nothing honest is longer. */
export const maxSmallBytes = 64 * 1024;
/** A Query or Parse is read whole up to here, a longer one passes in pieces and is opaque to policy. */
export const maxWholeBytes = 1024 * 1024 + maxSmallBytes;

/** Length of the whole frame whose head stands at `offset`, or -1 where the length field is impossible. */
export function frameBytes(bytes: Buffer, offset: number): number {
  const length = bytes.readUInt32BE(offset + 1);
  return length < 4 || length > maxFrameBytes ? -1 : length + 1;
}

/**
 * The string that starts at `offset` and ends with a zero byte before `end`.
 * @returns undefined where there is no zero byte.
 */
export function cString(bytes: Buffer, offset: number, end: number): Buffer | undefined {
  const zero = bytes.indexOf(0, offset);
  return zero < 0 || zero >= end ? undefined : bytes.subarray(offset, zero);
}
