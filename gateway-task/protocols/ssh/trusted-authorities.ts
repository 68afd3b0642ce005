import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Principal } from '#lib/identity/principal.ts';
import { groupsSchema, issuerSchema } from '#lib/identity/principal-schema.ts';
import type { SshCertificate } from '#lib/ssh/certificate.ts';
import { verifyCertificate } from '#lib/ssh/certificate-check.ts';
import { readAuthorizedKeyLine } from '#lib/ssh/key-line.ts';
import type { SshPublicKey } from '#lib/ssh/public-key.ts';

const authoritiesSchema = z
  .array(
    z.strictObject({
      /** What stands as issuer in records and policies. */
      issuer: issuerSchema,
      /** The authority's key, as in a .pub file. */
      key: z.string().min(1).max(16_384),
      /** Groups of everybody whom it certifies. */
      groups: groupsSchema.default([]),
      /** The principals of a certificate are groups as well. */
      principalsAreGroups: z.boolean().default(false),
      kind: z.enum(['human', 'service', 'agent']).default('human'),
    }),
  )
  .max(32);

type Authority = Omit<z.output<typeof authoritiesSchema>[number], 'key'> & { readonly key: SshPublicKey };

/** Authorities whose OpenSSH user certificates say who somebody is. */
export class TrustedAuthorities {
  readonly #authorities: readonly Authority[];

  private constructor(authorities: readonly Authority[]) {
    this.#authorities = authorities;
  }

  /** Reads a JSON file. Throws a plain `Error` that says what is wrong with it. */
  static async load(path: string | undefined): Promise<TrustedAuthorities> {
    if (path === undefined) return new TrustedAuthorities([]);
    const parsed = authoritiesSchema.safeParse(JSON.parse(await readFile(path, 'utf8')));
    if (!parsed.success) throw new Error(`${path}: ${z.prettifyError(parsed.error)}`);
    return new TrustedAuthorities(
      parsed.data.map(authority => ({ ...authority, key: readAuthorizedKeyLine(authority.key).key })),
    );
  }

  /** Nobody signs in with a certificate here. */
  get none(): boolean {
    return this.#authorities.length === 0;
  }

  /**
   * Whom a certificate names; a text says why it does not hold. The key id is the subject. Which logins its
   * holder may use at a target is policy's to say, so the certificate's principals need not name them.
   */
  principalOf(certificate: SshCertificate, sourceAddress: string, now: number): Principal | string {
    const authority = this.#authorities.find(({ key }) => key.blob.equals(certificate.authority.blob));
    if (!authority) return 'it is by an authority that is not trusted here';
    const fault = verifyCertificate(certificate, {
      authorities: [authority.key],
      kind: 'user',
      principal: certificate.principals[0] ?? '',
      now,
      sourceAddress,
    });
    if (fault) return fault.detail;
    const { issuer, groups, principalsAreGroups, kind } = authority;
    const subject = certificate.keyId;
    if (!/^[\x21-\x7e]{1,256}$/.test(subject)) return 'its key id is not a name';
    const expiresAt = certificate.validBefore > 0xffff_ffffn ? 0xffff_ffff : Number(certificate.validBefore);
    const certified = principalsAreGroups ? groupsSchema.safeParse(certificate.principals) : undefined;
    if (certified && !certified.success) return 'its principals are not groups';
    return {
      issuer,
      subject,
      name: subject,
      kind,
      groups: [...new Set([...groups, ...(certified?.data ?? [])])],
      expiresAt,
    };
  }
}
