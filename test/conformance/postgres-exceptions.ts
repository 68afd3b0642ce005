/** A test of PostgreSQL's suite that comes out otherwise through the gateway than direct, on purpose. */
export interface Exception {
  readonly test: string;
  /** Why the gateway differs. */
  readonly reason: string;
  /** The line of the gateway's, or that follows from it, without which the exception does not hold. */
  readonly because: RegExp;
  /**
   * What else may differ among the lines in which somebody reports something (ERROR, FATAL, WARNING, psql:).
   * Rows may differ freely: one refused command changes what all later ones see.
   */
  readonly says: readonly RegExp[];
}

export const exceptions: readonly Exception[] = [
  {
    test: 'largeobject',
    reason:
      "psql's \\lo_import, \\lo_export and \\lo_unlink use the FunctionCall message, which the gateway refuses: it names a function by number and has no text that could be held to policy",
    because: /^ERROR: {2}the function call protocol is refused$/,
    says: [
      // There is no imported object, so what reads it later finds none, and the one to be removed stays.
      /^ERROR: {2}large object 0 does not exist$/,
      /^ERROR: {2}large object read request is too large$/,
      /^ERROR: {2}syntax error at or near ":"$/,
      /^ERROR: {2}role "regress_lo_user" cannot be dropped because some objects depend on it$/,
    ],
  },
];
