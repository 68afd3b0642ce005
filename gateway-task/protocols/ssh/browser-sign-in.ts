import { setTimeout as sleep } from 'node:timers/promises';
import type { Identity } from '#gateway/pipeline/identity.ts';
import type { ClientConnection, Reception } from '#gateway/protocols/protocol.ts';
import type { LoginPurpose } from '#lib/aws/control-api.ts';
import { SallyportError } from '#lib/errors.ts';
import { SshReader } from '#lib/ssh/data-types.ts';
import { message, userauthInfoRequest } from './wire/messages.ts';
import type { Transport } from './wire/transport.ts';

/** For the last steps, when somebody has signed in at the last moment. */
const graceMs = 10_000;

export type Outcome =
  | { readonly kind: 'signedIn'; readonly loginId: string; readonly identity: Identity }
  /** A token or ticket was given instead. */
  | { readonly kind: 'credential'; readonly text: string }
  | { readonly kind: 'refused'; readonly why: string };

/**
 * Signing in with a browser over keyboard-interactive (RFC 4256): the person is shown an address and a code to
 * compare, and the answer to the one prompt waits until they have signed in. A token or ticket may be given at
 * the prompt as well, so that programs that answer prompts (askpass) need no option to be let in.
 */
export class BrowserSignIn {
  readonly #transport: Transport;
  readonly #connection: ClientConnection;
  readonly #reception: Reception;

  constructor(transport: Transport, connection: ClientConnection, reception: Reception) {
    this.#transport = transport;
    this.#connection = connection;
    this.#reception = reception;
  }

  async run(purpose: LoginPurpose): Promise<Outcome> {
    const { address } = this.#connection;
    const login = await this.#reception.logins.begin(address, purpose);
    this.#connection.waitFor(login.expiresAt - Date.now() + graceMs);
    this.#transport.write(
      userauthInfoRequest(
        'Sallyport',
        `Sign in with your browser, and compare the code:\n\n  ${login.verificationUriComplete}\n  ${login.userCode}\n`,
        'Press Enter when you have signed in (or give a token or ticket): ',
      ),
    );
    const text = await this.#answer();
    if (text !== '') return { kind: 'credential', text };
    return this.#wait(login.id, login.intervalMs);
  }

  async #answer(): Promise<string> {
    const reader = new SshReader(await this.#transport.receive(this.#connection.deadline));
    if (reader.u8() !== message.userauthInfoResponse || reader.u32() !== 1) {
      throw new SallyportError('protocolViolation', 'the sign-in was not answered as it was asked');
    }
    const text = reader.text();
    reader.end();
    return text.trim();
  }

  async #wait(loginId: string, firstIntervalMs: number): Promise<Outcome> {
    for (let intervalMs = firstIntervalMs; ; ) {
      const state = await this.#poll(loginId);
      switch (state.state) {
        case 'done':
          return { kind: 'signedIn', loginId, identity: state.identity };
        case 'denied':
          return { kind: 'refused', why: 'the sign-in was refused.' };
        case 'expired':
          return { kind: 'refused', why: 'the sign-in took too long: try again.' };
        case 'pending':
          intervalMs = state.intervalMs;
      }
      await sleep(intervalMs);
      if (this.#connection.deadline.aborted || this.#connection.socket.destroyed) {
        throw new SallyportError('timeout', 'the sign-in took too long');
      }
    }
  }

  async #poll(loginId: string) {
    try {
      return await this.#reception.logins.poll(loginId);
    } catch (error) {
      if (error instanceof SallyportError && error.code === 'unauthenticated')
        return { state: 'expired' } as const;
      throw error;
    }
  }
}
