import { spoolBytes } from './spool-size.ts';

const largestFile = 64 * 1024 * 1024;
const measureMs = 100;

/**
 * How much of the spool is not shipped. Between two looks at the folder it only grows, by what is written; a
 * look is taken at every eighth of the bound, and every tenth of a second while the bound is passed.
 */
export class Pressure {
  /** A file that is this large is closed: files are what the shipper gives back. */
  readonly rotateBytes: number;
  readonly #dir: string;
  readonly #maxBytes: number;
  readonly #eased: () => void;
  #bytes = 0;
  #sinceLook = 0;
  #looking = false;
  #on = false;
  #timer: NodeJS.Timeout | undefined;

  /** `eased` is called when the bound is no longer passed. */
  constructor(dir: string, maxBytes: number, eased: () => void) {
    this.#dir = dir;
    this.#maxBytes = maxBytes;
    this.#eased = eased;
    this.rotateBytes = Math.min(largestFile, Math.ceil(maxBytes / 8));
  }

  get on(): boolean {
    return this.#on;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    this.#sinceLook += bytes;
    if (this.#bytes > this.#maxBytes && !this.#on) {
      this.#on = true;
      this.#timer = setInterval(() => void this.#look(), measureMs).unref();
    }
    if (this.#sinceLook > this.rotateBytes) void this.#look();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    this.#sinceLook = 0;
    try {
      const found = await spoolBytes(this.#dir);
      this.#bytes = found + this.#sinceLook;
    } catch {
      // The folder cannot be read: the last known size stands, and with it the pressure.
    } finally {
      this.#looking = false;
    }
    if (this.#on && this.#bytes <= this.#maxBytes * 0.75) {
      this.#on = false;
      clearInterval(this.#timer);
      this.#eased();
    }
  }
}
