/**
 * The part of ssh2's transport layer that we stand on. It is not ssh2's public interface, so the version is
 * pinned, and `transport.ts` is the only file that knows of it.
 */
declare module 'ssh2/lib/protocol/Protocol.js' {
  export interface HostKey {
    readonly type: string;
    getPublicSSH(): Buffer;
    sign(data: Buffer, hashAlgorithm?: string): Buffer | Error;
  }

  export interface Algorithms {
    readonly kex: readonly string[];
    readonly serverHostKey: readonly string[];
    readonly cs: Direction;
    readonly sc: Direction;
  }

  interface Direction {
    readonly cipher: readonly string[];
    readonly mac: readonly string[];
    readonly compress: readonly string[];
    readonly lang: readonly string[];
  }

  export interface KeyExchange {
    readonly sessionID: Buffer;
    readonly negotiated: { serverHostKey: string };
    remoteExtInfoEnabled: boolean;
  }

  export interface Settings {
    readonly server: boolean;
    readonly ident: string;
    readonly offer: Algorithms;
    readonly hostKeys?: Readonly<Record<string, HostKey>>;
    readonly hostVerifier?: (key: Buffer) => boolean;
    readonly messageHandlers: {
      readonly DISCONNECT: (self: unknown, reason: number, description: string) => void;
    };
    readonly onWrite: (bytes: Buffer) => void;
    readonly onError: (error: Error) => void;
    readonly onHandshakeComplete: () => void;
  }

  export default class Protocol {
    constructor(settings: Settings);
    start(): void;
    parse(chunk: Buffer, from: number, to: number): void;
    rekey(): void;
    cleanup(): void;
    /** Where a decrypted payload goes when no key exchange runs. Bound at each key exchange. */
    _onPayload: (payload: Buffer) => undefined | boolean | number;
    _onHandshakeComplete: (negotiated: unknown) => void;
    _kex: KeyExchange;
    /** Set while a key exchange runs: what is sent then waits. */
    _kexinit: Buffer | undefined;
    /** Undefined until the peer has said its version. `_packet`: what has come of a packet. */
    _decipher: { readonly inSeqno: number; _packet?: Uint8Array | null } | undefined;
    _cipher: { encrypt(packet: Buffer): void; allocPacket(payloadBytes: number): Buffer };
    readonly _packetRW: {
      readonly write: {
        readonly allocStart: number;
        alloc(bytes: number): Buffer;
        finalize(packet: Buffer): Buffer;
      };
    };
  }
}

declare module 'ssh2/lib/protocol/utils.js' {
  import type Protocol from 'ssh2/lib/protocol/Protocol.js';

  /** Encrypts and sends; during a key exchange the packet waits. */
  export function sendPacket(protocol: Protocol, packet: Buffer): boolean;
}
