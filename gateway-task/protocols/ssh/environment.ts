import { z } from 'zod';

/** What SSH reads from the environment, if it has a listener. */
export const sshEnvironment = z
  .object({
    /** Folder with the gateway's host keys: files `*_key`, and beside them `*_key-cert.pub` where there is one. */
    SALLYPORT_SSH_HOST_KEYS: z.string().min(1),
    /** KMS key (id, ARN or alias) that signs the certificates by which the gateway gets into targets. */
    SALLYPORT_SSH_USER_CA: z.string().min(1).optional(),
    /** File with the authorities whose user certificates are taken: see `trusted-authorities.ts`. */
    SALLYPORT_SSH_TRUSTED_USER_CAS: z.string().min(1).optional(),
  })
  .transform(env => ({
    hostKeysDir: env.SALLYPORT_SSH_HOST_KEYS,
    userCa: env.SALLYPORT_SSH_USER_CA,
    trustedUserCas: env.SALLYPORT_SSH_TRUSTED_USER_CAS,
  }));

export type SshSettings = z.output<typeof sshEnvironment>;
