import { createHash, type Hash, hash } from 'node:crypto';

/** Bytes that the pieces of all files of a channel may hold back together. */
export interface HoldBudget {
  left: number;
}

/** What a piece costs besides its bytes. */
const pieceBytes = 128;
/** A hole, or something that came again: which is seen first depends on how the pieces were cut. */
const notOnce = 'its parts did not pass once each';
const emptyDigest = hash('sha256', '', 'hex');

/**
 * SHA-256 of a file whose pieces pass in any order, from its first byte on. A piece that comes early is held
 * until those before it have come, as far as the budget goes.
 */
export class FileDigest {
  readonly #budget: HoldBudget;
  #hash: Hash | undefined;
  /** Where the next byte of the digest is. */
  #next = 0;
  /** Early pieces by their offset. */
  readonly #early = new Map<number, Buffer>();
  #why: string | undefined;
  /** All that passed. */
  bytes = 0;

  constructor(budget: HoldBudget) {
    this.#budget = budget;
  }

  /** The bytes that the digest is of, as far as it is one. */
  get contiguous(): number {
    return this.#next;
  }

  /** @param piece is not kept */
  add(offset: number, piece: Buffer): void {
    this.bytes += piece.length;
    if (this.#why !== undefined || piece.length === 0) return;
    if (offset < this.#next || this.#early.has(offset)) {
      this.spoil(notOnce);
    } else if (offset > this.#next) {
      this.#hold(offset, piece);
    } else {
      this.#update(piece);
      this.#release();
    }
  }

  /** There will be no digest. The first reason stays. */
  spoil(why: string): void {
    if (this.#why !== undefined) return;
    this.#why = why;
    for (const piece of this.#early.values()) this.#budget.left += piece.length + pieceBytes;
    this.#early.clear();
  }

  end(): { readonly sha256: string | null; readonly why?: string } {
    if (this.#early.size > 0) this.spoil(notOnce);
    if (this.#why !== undefined) return { sha256: null, why: this.#why };
    return { sha256: this.#hash?.digest('hex') ?? emptyDigest };
  }

  #hold(offset: number, piece: Buffer): void {
    const cost = piece.length + pieceBytes;
    if (this.#budget.left < cost) {
      this.spoil('its parts passed in an order that is not followed this far');
      return;
    }
    this.#budget.left -= cost;
    const copy = Buffer.allocUnsafeSlow(piece.length);
    piece.copy(copy);
    this.#early.set(offset, copy);
  }

  #release(): void {
    if (this.#early.size === 0) return;
    for (;;) {
      const piece = this.#early.get(this.#next);
      if (piece === undefined) break;
      this.#early.delete(this.#next);
      this.#budget.left += piece.length + pieceBytes;
      this.#update(piece);
    }
  }

  #update(piece: Buffer): void {
    this.#hash ??= createHash('sha256');
    this.#hash.update(piece);
    this.#next += piece.length;
  }
}
