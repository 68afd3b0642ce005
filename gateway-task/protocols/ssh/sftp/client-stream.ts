import { SshDataFault } from '#lib/ssh/data-types.ts';
import type { ClientRequests } from './client-requests.ts';
import type { Exchange } from './exchange.ts';
import type { OpenFile } from './open-file.ts';
import type { FilePort } from './port.ts';
import { init } from './wire/build.ts';
import { Gather } from './wire/gather.ts';
import { headBytes, lengthBytes, maxPacketBytes, packet, protocolVersion } from './wire/numbers.ts';
import { readTransfer, transferHeadBytes } from './wire/transfer.ts';

const nothing = Buffer.alloc(0);

/** The rest of a WRITE. */
interface Body {
  left: number;
  /** Where in the file the next byte is. */
  offset: number;
  /** Undefined: refused, its bytes are dropped. */
  readonly file: OpenFile | undefined;
}

/**
 * Client to server: walks the packets, has decided what must be decided, and forwards them as they came, in
 * runs as long as they are. The data of a WRITE pass in whatever pieces they come; every other packet is small
 * and is decided whole. While a question is open everything waits behind the request that it is for.
 */
export class ClientStream {
  readonly #port: FilePort;
  readonly #exchange: Exchange;
  readonly #requests: ClientRequests;
  readonly #maxHeldBytes: number;
  #state: 'init' | 'version' | 'requests' = 'init';
  /** A packet, or the head of a WRITE, that has not come whole. */
  readonly #partial = new Gather();
  #need = lengthBytes + 1;
  #body: Body | undefined;
  /** The packet that waits, and what came since. */
  readonly #held = new Gather();
  #waits = false;
  #resumes = false;
  #ended = false;

  constructor(port: FilePort, exchange: Exchange, requests: ClientRequests, maxHeldBytes: number) {
    this.#port = port;
    this.#exchange = exchange;
    this.#requests = requests;
    this.#maxHeldBytes = maxHeldBytes;
  }

  /** Something waits for the server. */
  get waits(): boolean {
    return this.#waits;
  }

  /** Whether the client has said INIT and was not answered. */
  get awaitsVersion(): boolean {
    return this.#state === 'version';
  }

  /** Throws SshDataFault; then all that has gone nowhere is dropped. */
  take(chunk: Buffer): void {
    let rest = chunk;
    try {
      while (rest.length > 0) {
        if (this.#waits) {
          this.#hold(rest);
          return;
        }
        if (this.#partial.length === 0) {
          const given = rest;
          rest = nothing;
          rest = given.subarray(this.#walk(given));
          continue;
        }
        // Only what the packet lacks is copied.
        const lacks = this.#need - this.#partial.length;
        this.#partial.add(rest.subarray(0, lacks));
        rest = rest.subarray(lacks);
        if (this.#partial.length < this.#need) return;
        const packet = this.#partial.take();
        this.#hold(packet.subarray(this.#walk(packet)));
      }
    } catch (fault) {
      if (fault instanceof SshDataFault) this.#drop(rest);
      throw fault;
    }
  }

  /** The server has said its version. */
  versionCame(): void {
    this.#state = 'requests';
  }

  /** The server has said something: what waits is tried again. Throws SshDataFault. */
  resume(): void {
    if (!this.#waits || this.#exchange.over) return;
    this.#waits = false;
    this.#resumes = true;
    let turned = this.#held.length;
    try {
      turned = this.#walk(this.#held.peek());
    } finally {
      this.#held.consume(turned);
      this.#resumes = false;
    }
    if (this.#ended && !this.#exchange.over) this.#finish();
  }

  end(): void {
    this.#ended = true;
    this.#finish();
  }

  /** Nothing goes anywhere any more: what is here is dropped. */
  abandon(): void {
    // What is having its turn is dropped where it is read.
    if (!this.#resumes) this.#drop(this.#held.take());
    this.#drop(this.#partial.take());
  }

  /** Bytes of a packet that will not come whole any more are the last thing that is recorded. */
  #finish(): void {
    if (this.#waits) return;
    this.#drop(this.#partial.take());
    this.#port.clientDone();
  }

  /** @returns how many of the bytes have had their turn; if not all, the rest waits. */
  #walk(bytes: Buffer): number {
    /** Where the run begins that has not been forwarded. */
    let start = 0;
    let offset = 0;
    try {
      while (offset < bytes.length && !this.#exchange.over) {
        if (this.#body) {
          const dropped = this.#body.file === undefined;
          if (dropped) this.#carry(bytes, start, offset);
          const end = this.#pass(this.#body, bytes, offset);
          if (dropped) this.#port.dropped(bytes.subarray(offset, end));
          offset = end;
          if (dropped) start = end;
          continue;
        }
        const need = this.#needed(bytes, offset, bytes.length - offset);
        if (bytes.length - offset < need) {
          this.#need = need;
          this.#partial.add(bytes.subarray(offset));
          this.#carry(bytes, start, offset);
          return bytes.length;
        }
        if (this.#mustWait()) {
          this.#waits = true;
          break;
        }
        const end = offset + need;
        const type = bytes[offset + lengthBytes]!;
        if (type === packet.read || type === packet.write) {
          const file = this.#transfer(bytes, offset, type === packet.write);
          if (file === undefined) {
            this.#carry(bytes, start, offset);
            this.#port.dropped(bytes.subarray(offset, end));
            start = end;
          }
          offset = end;
          continue;
        }
        // What is decided may be sent: what came before it goes first.
        this.#carry(bytes, start, offset);
        start = offset;
        const whole = bytes.subarray(offset, end);
        const outcome = this.#state === 'init' ? this.#init(whole) : this.#requests.decide(whole);
        if (outcome === 'wait') {
          this.#waits = true;
          break;
        }
        offset = end;
        if (outcome === 'done') start = end;
      }
    } catch (fault) {
      if (fault instanceof SshDataFault) {
        this.#carry(bytes, start, offset);
        this.#drop(bytes.subarray(offset));
      }
      throw fault;
    }
    if (this.#exchange.over) {
      this.#drop(bytes.subarray(start));
      return bytes.length;
    }
    this.#carry(bytes, start, offset);
    return offset;
  }

  /** How many bytes of the packet at `at` must be there to decide it. */
  #needed(bytes: Buffer, at: number, available: number): number {
    if (available < lengthBytes + 1) return lengthBytes + 1;
    const whole = lengthBytes + bytes.readUInt32BE(at);
    if (whole < headBytes || whole > maxPacketBytes) throw new SshDataFault('an impossible packet length');
    const type = bytes[at + lengthBytes];
    if (type !== packet.write && type !== packet.read) return whole;
    if (available < headBytes) return headBytes;
    return transferHeadBytes(bytes, at, available);
  }

  #mustWait(): boolean {
    return this.#state === 'version' || this.#exchange.question !== undefined || !this.#exchange.room;
  }

  #transfer(bytes: Buffer, at: number, writes: boolean): OpenFile | undefined {
    if (this.#state === 'init') throw new SshDataFault('the first packet is not INIT');
    const transfer = readTransfer(bytes, at, writes);
    const file = this.#requests.transfer(transfer, writes);
    if (writes && transfer.length > 0) {
      this.#body = { left: transfer.length, offset: transfer.offset, file };
    }
    return file;
  }

  /** INIT passes if it says what every target can be held to; else one that does takes its place. */
  #init(bytes: Buffer): 'carry' | 'done' {
    if (bytes[lengthBytes] !== packet.init) throw new SshDataFault('the first packet is not INIT');
    const version = bytes.readUInt32BE(lengthBytes + 1);
    if (version < protocolVersion) throw new SshDataFault('a version of SFTP before 3');
    this.#state = 'version';
    if (version === protocolVersion && bytes.length === headBytes) return 'carry';
    this.#port.dropped(bytes);
    this.#port.ask(init());
    return 'done';
  }

  /** @returns where the data that are here end. */
  #pass(body: Body, bytes: Buffer, offset: number): number {
    const end = Math.min(bytes.length, offset + body.left);
    const data = bytes.subarray(offset, end);
    body.file?.written.add(body.offset, data);
    if (body.file?.opening.hashed) this.#port.withhold(data);
    body.left -= end - offset;
    body.offset += end - offset;
    if (body.left === 0) this.#body = undefined;
    return end;
  }

  #hold(bytes: Buffer): void {
    if (bytes.length === 0) return;
    if (this.#held.length + bytes.length > this.#maxHeldBytes) {
      throw new SshDataFault('more was sent than there is room for');
    }
    this.#held.add(bytes);
  }

  #drop(bytes: Buffer): void {
    if (bytes.length > 0) this.#port.dropped(bytes);
  }

  #carry(bytes: Buffer, start: number, end: number): void {
    if (end > start) this.#port.toTarget(bytes.subarray(start, end));
  }
}
