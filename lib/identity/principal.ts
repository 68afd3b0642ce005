/** Who acts, as proved by a verified credential. Nothing in it comes from what a client merely claims. */
export interface Principal {
  /** `issuer` and `subject` together are the immutable identity; everything else may change. */
  readonly issuer: string;
  readonly subject: string;
  /** What people read: an e-mail address where there is one, else the subject. */
  readonly name: string;
  readonly kind: 'human' | 'service' | 'agent';
  readonly groups: readonly string[];
  /** The one on whose behalf an agent acts: the token's `sub` when it carries `act` (RFC 8693 section 4.1). */
  readonly onBehalfOf?: { readonly subject: string; readonly name: string };
  /** When the credential ends, in seconds since the epoch. */
  readonly expiresAt: number;
}
