import { blockHeaderBytes, sealBlock } from './block.ts';
import type { SessionState } from './turn-buffer.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * The sessions that the journal on disk knows as open. A new journal file begins by naming them, so that the
 * newest file alone says who must still end when all older ones are shipped and gone.
 */
export class OpenSessions {
  readonly #ids = new Set<string>();
  readonly #written = new Set<SessionState>();
  #opening: SessionState[] = [];
  #ending: SessionState[] = [];

  add(id: string, nowNs: number): SessionState {
    if (!uuid.test(id)) throw new TypeError('a session id is a UUID in lower case');
    if (this.#ids.has(id)) throw new TypeError(`session ${id} is open already`);
    this.#ids.add(id);
    const bytes = Buffer.from(id.replaceAll('-', ''), 'hex');
    const state: SessionState = { id, uuid: bytes, startedNs: nowNs, sequence: 0, elapsedNs: 0 };
    this.#opening.push(state);
    return state;
  }

  end(state: SessionState): void {
    this.#ids.delete(state.id);
    this.#ending.push(state);
  }

  /** All that was taken is on disk: openings and ends count from now on. */
  settle(): void {
    if (this.#opening.length > 0) {
      for (const state of this.#opening) this.#written.add(state);
      this.#opening = [];
    }
    if (this.#ending.length > 0) {
      for (const state of this.#ending) this.#written.delete(state);
      this.#ending = [];
    }
  }

  /** One block without records for each. */
  blocks(tag: Buffer): Buffer {
    const bytes = Buffer.alloc(this.#written.size * blockHeaderBytes);
    let offset = 0;
    for (const { uuid: id, sequence, elapsedNs } of this.#written) {
      sealBlock(bytes, offset, tag, 'raw', id, sequence, elapsedNs, 0, 0, 0, 0, 0);
      offset += blockHeaderBytes;
    }
    return bytes;
  }
}
