/**
 * The one table of errors a client can meet. For each code: the reply in every protocol's own words, the
 * level it is logged at, and whether it ends the session. A new protocol adds a column and the compiler
 * asks for each missing cell.
 */

export interface ErrorRow {
  /** SQLSTATE, https://www.postgresql.org/docs/current/errcodes-appendix.html */
  readonly postgres: string;
  /** Reason code of SSH_MSG_DISCONNECT, where it ends the connection: RFC 4250 section 4.2.2. */
  readonly ssh: number;
  readonly log: 'debug' | 'info' | 'warn' | 'error';
  readonly endsSession: boolean;
}

export const errorTable = {
  /** A command that policy does not permit. */
  denied: { postgres: '42501', ssh: 2, log: 'info', endsSession: false },
  /** A command that is no command of its language. */
  syntax: { postgres: '42601', ssh: 2, log: 'debug', endsSession: false },
  /** A command the gateway cannot read or does not know. */
  unsupported: { postgres: '0A000', ssh: 2, log: 'info', endsSession: false },
  /** No credential, or one that does not hold. */
  unauthenticated: { postgres: '28P01', ssh: 14, log: 'info', endsSession: true },
  /** A verified principal that may not open this target. */
  forbidden: { postgres: '28000', ssh: 14, log: 'info', endsSession: true },
  /** No target of that name. */
  unknownTarget: { postgres: '3D000', ssh: 14, log: 'info', endsSession: true },
  /** Bytes that are not the protocol. */
  protocolViolation: { postgres: '08P01', ssh: 2, log: 'info', endsSession: true },
  /** A limit on connections, sessions or sizes is reached. */
  tooMany: { postgres: '53300', ssh: 12, log: 'warn', endsSession: true },
  /** A deadline passed while the client was expected to speak. */
  timeout: { postgres: '57P05', ssh: 11, log: 'info', endsSession: true },
  /** The target cannot be reached, or refused the gateway. */
  targetUnavailable: { postgres: '08001', ssh: 7, log: 'warn', endsSession: true },
  /** Policy look-up or another part of the control plane is away. */
  controlPlaneUnavailable: { postgres: '57P03', ssh: 7, log: 'error', endsSession: true },
  /** The policy snapshot is older than it may be: what is unknown is denied. */
  policyExpired: { postgres: '57P03', ssh: 7, log: 'error', endsSession: false },
  /** Evidence cannot be written, so nothing runs. */
  evidenceUnavailable: { postgres: '53100', ssh: 7, log: 'error', endsSession: true },
  /** The task is going away. */
  shutdown: { postgres: '57P01', ssh: 11, log: 'info', endsSession: true },
  /** Somebody with the right to do so ended the session. */
  killed: { postgres: '57P01', ssh: 11, log: 'info', endsSession: true },
  /** An error of ours. */
  internal: { postgres: 'XX000', ssh: 11, log: 'error', endsSession: true },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof errorTable;

export interface ErrorDetails {
  /** One more sentence of fact for the client. */
  readonly detail?: string;
  /** What to do next, in words that can be followed. */
  readonly hint?: string;
  /** Where in the command it is: the character, from 1. */
  readonly position?: number | undefined;
  readonly cause?: unknown;
}

/** An error that a client may be told of. `message`, `detail` and `hint` hold no secret and no data. */
export class SallyportError extends Error {
  override readonly name = 'SallyportError';
  readonly code: ErrorCode;
  readonly detail: string | undefined;
  readonly hint: string | undefined;
  readonly position: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.detail = details.detail;
    this.hint = details.hint;
    this.position = details.position;
  }
}
