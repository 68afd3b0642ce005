import { readFileSync, statSync } from 'node:fs';
import { createSecureContext, type SecureContext } from 'node:tls';

const checkIntervalMs = 5_000;

/**
 * The gateway's own certificate, read again when one of its files changes, so that a renewal needs no
 * restart. A renewal that cannot be read or does not fit its key is reported and the old one goes on.
 */
export class Certificate {
  readonly #certFile: string;
  readonly #keyFile: string;
  readonly #onFault: (fault: unknown) => void;
  readonly #timer: NodeJS.Timeout;
  #stamp: string;
  #context: SecureContext;

  /** Throws when the files cannot be read or do not belong together. */
  constructor(certFile: string, keyFile: string, onFault: (fault: unknown) => void) {
    this.#certFile = certFile;
    this.#keyFile = keyFile;
    this.#onFault = onFault;
    this.#stamp = this.#stampOf();
    this.#context = this.#load();
    this.#timer = setInterval(() => this.reloadIfChanged(), checkIntervalMs).unref();
  }

  /** What the next handshake uses. */
  get context(): SecureContext {
    return this.#context;
  }

  reloadIfChanged(): void {
    try {
      const stamp = this.#stampOf();
      if (stamp === this.#stamp) return;
      this.#context = this.#load();
      this.#stamp = stamp;
    } catch (fault) {
      this.#onFault(fault);
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #stampOf(): string {
    return [this.#certFile, this.#keyFile]
      .map(file => {
        const { mtimeMs, size, ino } = statSync(file);
        return `${mtimeMs}:${size}:${ino}`;
      })
      .join('|');
  }

  #load(): SecureContext {
    return createSecureContext({
      cert: readFileSync(this.#certFile),
      key: readFileSync(this.#keyFile),
      minVersion: 'TLSv1.2',
    });
  }
}
