import { SshDataFault } from '#lib/ssh/data-types.ts';
import { headBytes, lengthBytes, maxHandleBytes } from './numbers.ts';

/** READ and WRITE, of which there are many: read where they lie, without a reader. */
export interface Transfer {
  readonly id: number;
  readonly handle: string;
  /** In bytes. Above 2^53 the number is not exact. */
  readonly offset: number;
  /** Bytes asked for, or that follow. */
  readonly length: number;
}

/** Length, type, id and the length of the handle. */
const prefixBytes = headBytes + 4;
const tailBytes = 12;

/**
 * How many bytes of the packet at `at` must be there before {@link readTransfer} can read it.
 * @param available how many there are, at least {@link headBytes}
 * @throws SshDataFault
 */
export function transferHeadBytes(bytes: Buffer, at: number, available: number): number {
  const head = available < prefixBytes ? prefixBytes : headOf(bytes, at);
  if (head > lengthBytes + bytes.readUInt32BE(at)) throw new SshDataFault('a packet is cut short');
  return head;
}

/**
 * @param bytes has at `at` what {@link transferHeadBytes} says
 * @param writes a WRITE, whose data fill the packet; a READ ends with its fields
 * @throws SshDataFault
 */
export function readTransfer(bytes: Buffer, at: number, writes: boolean): Transfer {
  const head = headOf(bytes, at);
  const tail = at + head - tailBytes;
  const length = bytes.readUInt32BE(tail + 8);
  if (head + (writes ? length : 0) !== lengthBytes + bytes.readUInt32BE(at)) {
    throw new SshDataFault('a packet is not as long as what it says');
  }
  return {
    id: bytes.readUInt32BE(at + 5),
    handle: bytes.toString('latin1', at + prefixBytes, tail),
    offset: bytes.readUInt32BE(tail) * 2 ** 32 + bytes.readUInt32BE(tail + 4),
    length,
  };
}

/** Everything but the data. */
function headOf(bytes: Buffer, at: number): number {
  const handle = bytes.readUInt32BE(at + headBytes);
  if (handle > maxHandleBytes) throw new SshDataFault('a handle is too long');
  return prefixBytes + handle + tailBytes;
}
