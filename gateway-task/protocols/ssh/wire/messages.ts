import { SshWriter } from '#lib/ssh/data-types.ts';

/** Message numbers: RFC 4250 section 4.1, and RFC 8308 for EXT_INFO. */
export const message = {
  disconnect: 1,
  ignore: 2,
  unimplemented: 3,
  debug: 4,
  serviceRequest: 5,
  serviceAccept: 6,
  extInfo: 7,
  kexInit: 20,
  userauthRequest: 50,
  userauthFailure: 51,
  userauthSuccess: 52,
  userauthBanner: 53,
  userauthPkOk: 60,
  userauthInfoRequest: 60,
  userauthInfoResponse: 61,
  globalRequest: 80,
  requestSuccess: 81,
  requestFailure: 82,
  channelOpen: 90,
  channelOpenConfirmation: 91,
  channelOpenFailure: 92,
  channelWindowAdjust: 93,
  channelData: 94,
  channelExtendedData: 95,
  channelEof: 96,
  channelClose: 97,
  channelRequest: 98,
  channelSuccess: 99,
  channelFailure: 100,
} as const;

/** RFC 4250 section 4.2.2. */
export const disconnectReason = {
  protocolError: 2,
  serviceNotAvailable: 7,
  connectionLost: 10,
  byApplication: 11,
  tooManyConnections: 12,
  noMoreAuthMethods: 14,
} as const;

/** RFC 4250 section 4.3. */
export const openFailure = {
  administrativelyProhibited: 1,
  connectFailed: 2,
  unknownChannelType: 3,
  resourceShortage: 4,
} as const;

/** The one kind of extended data there is: RFC 4254 section 5.2. */
export const stderr = 1;

/** RFC 4253 section 11.1. */
export function disconnect(reason: number, description: string): Buffer {
  return new SshWriter(64 + description.length)
    .u8(message.disconnect)
    .u32(reason)
    .string(description)
    .string('')
    .done();
}

export function unimplemented(sequence: number): Buffer {
  return new SshWriter(5).u8(message.unimplemented).u32(sequence).done();
}

/** RFC 8308 section 3.1: which signatures the server takes from clients' keys. */
export function extInfo(signatureAlgorithms: readonly string[]): Buffer {
  return new SshWriter(256)
    .u8(message.extInfo)
    .u32(1)
    .string('server-sig-algs')
    .nameList(signatureAlgorithms)
    .done();
}

export function serviceRequest(name: string): Buffer {
  return new SshWriter(32).u8(message.serviceRequest).string(name).done();
}

export function serviceAccept(name: string): Buffer {
  return new SshWriter(32).u8(message.serviceAccept).string(name).done();
}

/** RFC 4252 section 5.1. */
export function userauthFailure(methods: readonly string[], partial: boolean): Buffer {
  return new SshWriter(64).u8(message.userauthFailure).nameList(methods).bool(partial).done();
}

export function userauthSuccess(): Buffer {
  return Buffer.from([message.userauthSuccess]);
}

/** RFC 4252 section 5.4. */
export function userauthBanner(text: string): Buffer {
  return new SshWriter(64 + text.length).u8(message.userauthBanner).string(text).string('').done();
}

/** RFC 4252 section 7: the key would be taken, if its signature came. */
export function userauthPkOk(algorithm: string, key: Buffer): Buffer {
  return new SshWriter(64 + key.length).u8(message.userauthPkOk).string(algorithm).string(key).done();
}

/** RFC 4256 section 3.2, with one prompt whose answer is not shown as it is typed. */
export function userauthInfoRequest(name: string, instruction: string, prompt: string): Buffer {
  return new SshWriter(256 + instruction.length)
    .u8(message.userauthInfoRequest)
    .string(name)
    .string(instruction)
    .string('')
    .u32(1)
    .string(prompt)
    .bool(false)
    .done();
}

/** RFC 4254 section 5.1. */
export function channelOpenConfirmation(
  recipient: number,
  sender: number,
  window: number,
  packet: number,
): Buffer {
  return new SshWriter(17)
    .u8(message.channelOpenConfirmation)
    .u32(recipient)
    .u32(sender)
    .u32(window)
    .u32(packet)
    .done();
}

export function channelOpenFailure(channel: number, reason: number, text: string): Buffer {
  return new SshWriter(64 + text.length)
    .u8(message.channelOpenFailure)
    .u32(channel)
    .u32(reason)
    .string(text)
    .string('')
    .done();
}

export function windowAdjust(channel: number, bytes: number): Buffer {
  return new SshWriter(9).u8(message.channelWindowAdjust).u32(channel).u32(bytes).done();
}

/** Messages that are a channel and nothing more: EOF, CLOSE, SUCCESS, FAILURE. */
export function channelMessage(type: number, channel: number): Buffer {
  return new SshWriter(5).u8(type).u32(channel).done();
}

export function channelData(channel: number, data: Uint8Array): Buffer {
  return new SshWriter(9 + data.length).u8(message.channelData).u32(channel).string(data).done();
}

export function channelExtendedData(channel: number, kind: number, data: Uint8Array): Buffer {
  return new SshWriter(13 + data.length)
    .u8(message.channelExtendedData)
    .u32(channel)
    .u32(kind)
    .string(data)
    .done();
}

/** RFC 4254 section 6.10. */
export function exitStatus(channel: number, status: number): Buffer {
  return new SshWriter(64)
    .u8(message.channelRequest)
    .u32(channel)
    .string('exit-status')
    .bool(false)
    .u32(status)
    .done();
}

/** RFC 4254 section 6.9. */
export function signal(channel: number, name: string): Buffer {
  return new SshWriter(64)
    .u8(message.channelRequest)
    .u32(channel)
    .string('signal')
    .bool(false)
    .string(name)
    .done();
}

export function requestFailure(): Buffer {
  return Buffer.from([message.requestFailure]);
}
