import type { IdentityKey, Lock } from '#lib/aws/access-records.ts';

/** What somebody is about to use, or uses; what is absent is not asked about. */
export interface Use {
  /** An agent is stopped by a lock on the one on whose behalf it acts as well. */
  readonly principal?: IdentityKey & { readonly onBehalfOf?: { readonly subject: string } };
  readonly target?: string;
  readonly grantId?: string;
}

/** Whether a lock stops this use. */
export function stops({ locks }: Pick<Lock, 'locks'>, { principal, target, grantId }: Use): boolean {
  switch (locks.kind) {
    case 'principal':
      return (
        principal?.issuer === locks.issuer &&
        (principal.subject === locks.subject || principal.onBehalfOf?.subject === locks.subject)
      );
    case 'target':
      return target === locks.target;
    case 'grant':
      return grantId === locks.grantId;
  }
}
