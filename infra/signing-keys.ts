/**
 * The KMS keys that sign for the gateway: pure data, read by the deployment and by the embedded stack, so that
 * both make the same ones. Whoever may use them reads the public half and signs, and nobody can copy them.
 */
export interface SigningKeyDefinition {
  /** The key's alias is `alias/<prefix>-<suffix>`. */
  readonly suffix: string;
  /** The variable by which the gateway task learns the alias; without it the task does not use the key. */
  readonly environment?: `SALLYPORT_${string}`;
  readonly spec: 'ECC_NIST_P256';
  readonly description: string;
}

export const signingKeys = {
  /** SSH targets that trust it let the gateway in by certificates of minutes. */
  sshUsers: {
    suffix: 'ssh-user-ca',
    environment: 'SALLYPORT_SSH_USER_CA',
    spec: 'ECC_NIST_P256',
    description: 'Certificates that the gateway signs in with at its SSH targets',
  },
  /** Clients that trust it know every gateway task, whatever its host keys. Signs as a gateway is set up. */
  sshHosts: {
    suffix: 'ssh-host-ca',
    spec: 'ECC_NIST_P256',
    description: "Certificates of the gateway's SSH host keys",
  },
} as const satisfies Record<string, SigningKeyDefinition>;

export type SigningKeyName = keyof typeof signingKeys;

/** The alias of a key in the deployment that `prefix` names. */
export function keyAlias(prefix: string, key: SigningKeyName): string {
  return `alias/${prefix}-${signingKeys[key].suffix}`;
}
