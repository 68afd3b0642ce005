/** The first lines of a stream of bytes, and how many there are. */
export class Excerpt {
  readonly #maxLines: number;
  readonly #maxBytes: number;
  readonly #kept: Buffer[] = [];
  #keptBytes = 0;
  #lineFeeds = 0;
  #endsInLineFeed = true;
  bytes = 0;

  /** @param maxBytes kept in memory, whatever the lines */
  constructor(maxLines: number, maxBytes: number) {
    this.#maxLines = maxLines;
    this.#maxBytes = maxBytes;
  }

  add(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.bytes += bytes.length;
    if (this.#lineFeeds < this.#maxLines && this.#keptBytes < this.#maxBytes) {
      // A copy: the bytes are a view of the record's frame.
      const kept = Buffer.from(bytes.subarray(0, this.#maxBytes - this.#keptBytes));
      this.#kept.push(kept);
      this.#keptBytes += kept.length;
    }
    for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) this.#lineFeeds++;
    this.#endsInLineFeed = bytes.at(-1) === 0x0a;
  }

  /** @returns what it comes to; binary bytes have no lines */
  read(): {
    readonly lines: readonly string[];
    readonly moreLines: number;
    readonly bytes: number;
    readonly binary: boolean;
  } {
    const kept = Buffer.concat(this.#kept);
    const { bytes } = this;
    const binary = isBinary(kept);
    if (binary) return { lines: [], moreLines: 0, bytes, binary };
    const all = this.#lineFeeds + (this.#endsInLineFeed ? 0 : 1);
    const text = kept.toString();
    const lines = (text.endsWith('\n') ? text.slice(0, -1) : text).split(/\r?\n/).slice(0, this.#maxLines);
    const shown = kept.length === 0 ? [] : lines;
    return { lines: shown, moreLines: Math.max(all - shown.length, 0), bytes, binary };
  }
}

/** A zero byte, or more than one character in twenty that is none. */
function isBinary(bytes: Buffer): boolean {
  if (bytes.includes(0)) return true;
  const text = bytes.toString();
  let broken = 0;
  for (let at = text.indexOf('\ufffd'); at >= 0; at = text.indexOf('\ufffd', at + 1)) broken++;
  return broken > 1 && broken * 20 > text.length;
}
