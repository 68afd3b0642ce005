/**
 * The data types of SSH, RFC 4251 section 5, as they stand in its messages, keys, certificates and in SFTP.
 */

/** Bytes that are not what the protocol says they are. Whoever reads turns it into an error of its own. */
export class SshDataFault extends Error {
  override readonly name = 'SshDataFault';
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads one message from its start to its end. Every length is checked against what is there before it is
 * used; byte strings are views of the message, not copies. Throws {@link SshDataFault}.
 */
export class SshReader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, offset = 0) {
    this.#bytes = bytes;
    this.#at = offset;
  }

  /** Where the next read begins. */
  get offset(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  u8(): number {
    return this.#bytes[this.#take(1)]!;
  }

  /** Every value but 0 is true. */
  bool(): boolean {
    return this.u8() !== 0;
  }

  u32(): number {
    return this.#bytes.readUInt32BE(this.#take(4));
  }

  u64(): bigint {
    return this.#bytes.readBigUInt64BE(this.#take(8));
  }

  /** A `string`: any bytes. */
  string(): Buffer {
    const length = this.u32();
    const from = this.#take(length);
    return this.#bytes.subarray(from, from + length);
  }

  /** A `string` that must be UTF-8. */
  text(): string {
    const bytes = this.string();
    try {
      return utf8.decode(bytes);
    } catch {
      throw new SshDataFault('a text is not UTF-8');
    }
  }

  /** A `string` in US-ASCII without control characters, as names of algorithms, requests and methods are. */
  name(): string {
    const bytes = this.string();
    for (const byte of bytes) {
      if (byte < 0x20 || byte > 0x7e) throw new SshDataFault('a name has a character that no name has');
    }
    return bytes.toString('latin1');
  }

  nameList(): string[] {
    const text = this.name();
    return text === '' ? [] : text.split(',');
  }

  /** The bytes of an `mpint` of at least 0, without a leading zero. */
  mpint(): Buffer {
    const bytes = this.string();
    if (bytes.length > 0 && bytes[0]! >= 0x80) throw new SshDataFault('a negative number');
    return bytes[0] === 0 ? bytes.subarray(1) : bytes;
  }

  /** So many bytes without a length of their own. */
  raw(length: number): Buffer {
    const from = this.#take(length);
    return this.#bytes.subarray(from, from + length);
  }

  rest(): Buffer {
    return this.raw(this.remaining);
  }

  /** The message must be at its end. */
  end(): void {
    if (this.remaining > 0) throw new SshDataFault('a message is longer than what it says');
  }

  #take(length: number): number {
    const from = this.#at;
    if (length > this.#bytes.length - from) throw new SshDataFault('a message is cut short');
    this.#at = from + length;
    return from;
  }
}

/** Builds one message. The buffer that comes out is not shared with anything. */
export class SshWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(sizeHint = 128) {
    this.#bytes = Buffer.allocUnsafeSlow(sizeHint);
  }

  u8(value: number): this {
    this.#room(1)[this.#length] = value;
    this.#length += 1;
    return this;
  }

  bool(value: boolean): this {
    return this.u8(value ? 1 : 0);
  }

  u32(value: number): this {
    this.#room(4).writeUInt32BE(value, this.#length);
    this.#length += 4;
    return this;
  }

  u64(value: bigint): this {
    this.#room(8).writeBigUInt64BE(value, this.#length);
    this.#length += 8;
    return this;
  }

  /** A `string`; text is written in UTF-8. */
  string(value: string | Uint8Array): this {
    const length = typeof value === 'string' ? Buffer.byteLength(value) : value.length;
    this.u32(length);
    if (typeof value !== 'string') return this.raw(value);
    this.#room(length).write(value, this.#length);
    this.#length += length;
    return this;
  }

  nameList(names: readonly string[]): this {
    return this.string(names.join(','));
  }

  /** An `mpint` of the unsigned big-endian number in `magnitude`. */
  mpint(magnitude: Uint8Array): this {
    let from = 0;
    while (from < magnitude.length && magnitude[from] === 0) from += 1;
    const digits = magnitude.subarray(from);
    if (digits.length === 0 || digits[0]! < 0x80) return this.string(digits);
    return this.u32(digits.length + 1)
      .u8(0)
      .raw(digits);
  }

  raw(bytes: Uint8Array): this {
    this.#room(bytes.length).set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  get length(): number {
    return this.#length;
  }

  done(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #room(length: number): Buffer {
    if (this.#length + length > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#length + length));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    return this.#bytes;
  }
}
