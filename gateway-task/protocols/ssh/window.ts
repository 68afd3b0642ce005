/** Credit for dropped bytes is given in lumps; of a small window, sooner, or the sender would wait for ever. */
const creditLump = 32 * 1024;
/** RFC 4254 section 5.2. */
export const maxWindow = 2 ** 32 - 1;

/**
 * The window of one direction of a channel, RFC 4254 section 5.2, as it passes through: what the receiver grants
 * is told to the sender, except for a reserve, so that the gateway can say something of its own to the receiver
 * at any time, and keeps being able to.
 */
export class Window {
  readonly #wanted: number;
  #reserve = 0;
  /** Bytes that the receiver still takes. */
  #granted: number;
  /** Bytes that the sender still may send. */
  #passed: number;
  /** Bytes that the sender has sent and the receiver has not been sent yet. */
  #held = 0;
  /** Bytes that were dropped, and that the sender has not been told it may send again. */
  #credit = 0;
  #lump = 0;

  /**
   * @param initial what the receiver granted as the channel was opened: nothing, where sshd waits for a program
   * @param reserve what is held back of it; a small window keeps three quarters
   */
  constructor(initial: number, reserve: number) {
    this.#granted = initial;
    this.#wanted = reserve;
    this.#size();
    this.#passed = initial - this.#reserve;
  }

  /** The most that {@link own} comes to again and again. */
  get reserve(): number {
    return this.#reserve;
  }

  /** What the sender is told as the channel is opened, and what it may still send at any time. */
  get passed(): number {
    return this.#passed;
  }

  /** What the gateway may send of its own. */
  get own(): number {
    return this.#granted - this.#passed - this.#held - this.#credit;
  }

  /** The receiver takes so many more. @returns what to tell the sender of it; 0: nothing */
  grant(bytes: number): number {
    this.#granted += bytes;
    this.#size();
    return this.#tell(Math.max(0, this.own - this.#reserve) + this.#credit);
  }

  /** The sender has sent. @returns false: more than it may */
  take(bytes: number): boolean {
    this.#passed -= bytes;
    this.#held += bytes;
    return this.#passed >= 0;
  }

  /** The receiver has been sent bytes of the sender's. */
  forward(bytes: number): void {
    this.#held -= bytes;
    this.#granted -= bytes;
  }

  /** Bytes of the sender's go no further: it may send as many again. @returns what to tell it now; 0: nothing */
  drop(bytes: number): number {
    this.#held -= bytes;
    this.#credit += bytes;
    return this.#credit < this.#lump ? 0 : this.#tell(this.#credit);
  }

  /** The receiver has been sent bytes of the gateway's. */
  spendOwn(bytes: number): void {
    this.#granted -= bytes;
  }

  /** Within what RFC 4254 lets a window be. */
  get sane(): boolean {
    return this.#granted <= maxWindow;
  }

  /** By the most that the receiver has taken at a time. */
  #size(): void {
    this.#reserve = Math.max(this.#reserve, Math.min(this.#wanted, Math.floor(this.#granted / 4)));
    this.#lump = Math.max(this.#lump, Math.min(creditLump, Math.floor((this.#granted - this.#reserve) / 2)));
  }

  #tell(more: number): number {
    this.#credit = 0;
    this.#passed += more;
    return more;
  }
}
