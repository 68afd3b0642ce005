import { EvidenceFault } from './fault.ts';
import type { EvidenceRecord } from './record.ts';

/** JSON payloads are facts, not data: a larger one is refused before memory is taken for it. */
const maxJsonBytes = 16 * 1024 * 1024;

/** Puts a JSON payload together that goes over several records of one type. */
export class JsonRecord {
  #pieces: Buffer[] = [];
  #bytes = 0;

  /** @returns the value when the payload is whole. Throws {@link EvidenceFault} `malformed` or `oversized`. */
  add(record: EvidenceRecord): unknown {
    this.#bytes += record.payload.length;
    if (this.#bytes > maxJsonBytes) {
      throw new EvidenceFault('oversized', `${record.type} JSON past ${maxJsonBytes} bytes`, {
        sequence: record.sequence,
      });
    }
    // Views of a frame must not outlive it.
    this.#pieces.push(record.continued ? Buffer.from(record.payload) : record.payload);
    if (record.continued) return undefined;
    const text = Buffer.concat(this.#pieces).toString();
    this.#pieces = [];
    this.#bytes = 0;
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new EvidenceFault(
        'malformed',
        `${record.type} is not JSON`,
        { sequence: record.sequence },
        cause,
      );
    }
  }
}
