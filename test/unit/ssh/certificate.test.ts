import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  type CertificateRequest,
  certificateTypeOf,
  forever,
  keyTypeOfCertificate,
  makeCertificate,
  readCertificate,
} from '#lib/ssh/certificate.ts';
import { type CertificateUse, verifyCertificate } from '#lib/ssh/certificate-check.ts';
import { SshDataFault, SshReader, SshWriter } from '#lib/ssh/data-types.ts';
import { readAuthorizedKeyLine } from '#lib/ssh/key-line.ts';
import { keyTypes } from '#lib/ssh/key-types.ts';
import { generateEcdsa256, generateEd25519 } from '#lib/ssh/private-key.ts';
import { publicKeyFrom } from '#lib/ssh/public-key.ts';
import { ecdsaSignatureFromDer, signatureBlob } from '#lib/ssh/signature.ts';
import { certificate as golden, keys } from './fixtures.ts';

const authority = generateEd25519().signer;
const key = generateEcdsa256().signer.publicKey;
const request: CertificateRequest = {
  ...{ key, kind: 'user', serial: 42n, keyId: 'session 1', principals: ['root', 'web'], authority },
  ...{ validAfter: 1000n, validBefore: 2000n },
};
const use: CertificateUse = {
  ...{ authorities: [authority.publicKey], kind: 'user', principal: 'web', now: 1_500_000 },
};
const faultOf = async (changes: Partial<CertificateRequest>, useChanges: Partial<CertificateUse> = {}) =>
  verifyCertificate(readCertificate(await makeCertificate({ ...request, ...changes })), {
    ...use,
    ...useChanges,
  });

describe('a certificate that ssh-keygen made', () => {
  const read = readCertificate(Buffer.from(golden, 'base64'));
  const goldenUse: CertificateUse = {
    authorities: [keys.ed.fingerprint],
    kind: 'user',
    principal: 'web',
    now: Date.UTC(2025, 0),
    sourceAddress: '192.0.2.77',
  };

  test('is read', () => {
    expect(read.type).toBe('ecdsa-sha2-nistp256-cert-v01@openssh.com');
    expect(read.key.fingerprint).toBe(keys.e256.fingerprint);
    expect(read.authority.fingerprint).toBe(keys.ed.fingerprint);
    expect([read.serial, read.kind, read.keyId]).toEqual([7n, 'user', 'alice@example']);
    expect(read.principals).toEqual(['web', 'root']);
    expect(read.validAfter).toBe(BigInt(Date.UTC(2020, 0) / 1000));
    expect(read.validBefore).toBe(BigInt(Date.UTC(2030, 0) / 1000));
    expect([...read.criticalOptions.keys()]).toEqual(['source-address']);
    expect([...read.extensions.keys()]).toContain('permit-pty');
  });

  test.each<[string, Partial<CertificateUse>, string | undefined]>([
    ['its authority by fingerprint', {}, undefined],
    ['its authority by key', { authorities: [readAuthorizedKeyLine(keys.ed.line).key] }, undefined],
    ['the other principal', { principal: 'root' }, undefined],
    ['an IPv6 address of its list', { sourceAddress: '2001:db8::9' }, undefined],
    ['an IPv4 address in IPv6’s clothes', { sourceAddress: '::ffff:192.0.2.1' }, undefined],
    ['no authority', { authorities: [] }, 'unknownAuthority'],
    ['another authority', { authorities: [keys.e256.fingerprint] }, 'unknownAuthority'],
    ['the kind host', { kind: 'host' }, 'wrongKind'],
    ['another principal', { principal: 'WEB' }, 'otherPrincipal'],
    ['a time before', { now: Date.UTC(2020, 0) - 1 }, 'notYetValid'],
    ['its first moment', { now: Date.UTC(2020, 0) }, undefined],
    ['its last moment', { now: Date.UTC(2030, 0) - 1 }, undefined],
    ['the moment of its end', { now: Date.UTC(2030, 0) }, 'expired'],
    ['another address', { sourceAddress: '192.0.3.1' }, 'sourceAddress'],
    ['an address that is none', { sourceAddress: 'localhost' }, 'sourceAddress'],
  ])('with %s', (_name, changes, code) => {
    expect(verifyCertificate(read, { ...goldenUse, ...changes })?.code).toBe(code);
  });

  test('without knowing where the client is', () => {
    const { sourceAddress: _, ...elsewhere } = goldenUse;

    expect(verifyCertificate(read, elsewhere)?.code).toBe('sourceAddress');
  });
});

describe('a certificate of ours', () => {
  test('says what was asked for', async () => {
    const blob = await makeCertificate({
      ...request,
      criticalOptions: { 'source-address': '192.0.2.0/24' },
      extensions: { 'permit-pty': '', 'permit-agent-forwarding': '', 'login@example': 'alice' },
    });

    const read = readCertificate(blob);

    expect(read.key.blob).toEqual(key.blob);
    expect([read.serial, read.kind, read.keyId]).toEqual([42n, 'user', 'session 1']);
    expect(read.principals).toEqual(['root', 'web']);
    expect([...read.extensions.keys()]).toEqual(['login@example', 'permit-agent-forwarding', 'permit-pty']);
    expect(read.extensions.get('permit-pty')).toHaveLength(0);
    expect(new SshReader(read.extensions.get('login@example')!).text()).toBe('alice');
  });

  test('is another one each time', async () => {
    const [one, two] = [await makeCertificate(request), await makeCertificate(request)];

    expect(one.equals(two)).toBe(false);
  });

  test('has no byte that can change unseen', async () => {
    const blob = await makeCertificate({ ...request, extensions: { 'permit-pty': '' } });
    expect(verifyCertificate(readCertificate(blob), use)).toBeUndefined();

    for (let at = 0; at < blob.length; at += 1) {
      for (const bit of [0x01, 0x80]) {
        const changed = Buffer.from(blob);
        changed[at]! ^= bit;
        expect([at, isGood(changed)]).toEqual([at, false]);
      }
    }
    for (let length = 0; length < blob.length; length += 1) {
      expect(isGood(blob.subarray(0, length))).toBe(false);
    }
    expect(isGood(Buffer.concat([blob, Buffer.of(0)]))).toBe(false);
  });

  test('signed by ECDSA in DER, as KMS signs, has no byte that can change unseen', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const kms = {
      publicKey: publicKeyFrom(publicKey.export({ format: 'der', type: 'spki' })),
      sign: async (bytes: Uint8Array) =>
        ecdsaSignatureFromDer('ecdsa-sha2-nistp256', sign('sha256', bytes, privateKey)),
    };
    const blob = await makeCertificate({ ...request, authority: kms });
    const kmsUse = { ...use, authorities: [kms.publicKey] };
    expect(verifyCertificate(readCertificate(blob), kmsUse)).toBeUndefined();

    for (let at = 0; at < blob.length; at += 1) {
      const changed = Buffer.from(blob);
      changed[at]! ^= 1 << (at % 8);
      expect([at, isGood(changed, kmsUse)]).toEqual([at, false]);
    }
  });

  test('is not made when the authority signs something else', async () => {
    const other = { ...authority, sign: () => authority.sign(Buffer.from('something else')) };

    await expect(makeCertificate({ ...request, authority: other })).rejects.toThrow('not its signature');
  });

  test.each<[string, Partial<CertificateRequest>]>([
    ['no principal', { principals: [] }],
    ['an empty principal', { principals: ['web', ''] }],
    ['257 principals', { principals: Array.from({ length: 257 }, (_, index) => `p${index}`) }],
    ['an end before its beginning', { validAfter: 5n, validBefore: 5n }],
  ])('is not made with %s', async (_name, changes) => {
    await expect(makeCertificate({ ...request, ...changes })).rejects.toThrow(TypeError);
  });

  test.each<[string, Partial<CertificateRequest>, Partial<CertificateUse>, string | undefined]>([
    ['for ever', { validBefore: forever }, { now: Number.MAX_SAFE_INTEGER }, undefined],
    ['of a host', { kind: 'host' }, { kind: 'host' }, undefined],
    ['of a host for a user', { kind: 'host' }, {}, 'wrongKind'],
    ['with force-command', { criticalOptions: { 'force-command': 'ls' } }, {}, 'criticalOption'],
    ['with verify-required', { criticalOptions: { 'verify-required': '' } }, {}, 'criticalOption'],
    [
      'of a host with source-address',
      { kind: 'host', criticalOptions: { 'source-address': '192.0.2.1' } },
      { kind: 'host', sourceAddress: '192.0.2.1' },
      'criticalOption',
    ],
    [
      'with an unreadable source-address',
      { criticalOptions: { 'source-address': '*' } },
      { sourceAddress: '192.0.2.1' },
      'sourceAddress',
    ],
    [
      'with an empty source-address',
      { criticalOptions: { 'source-address': '' } },
      { sourceAddress: '192.0.2.1' },
      'sourceAddress',
    ],
  ])('%s', async (_name, changes, useChanges, code) => {
    expect((await faultOf(changes, useChanges))?.code).toBe(code);
  });

  test('refused for a critical option names it', async () => {
    const fault = await faultOf({ criticalOptions: { 'force-command': 'ls' } });

    expect(fault).toEqual({ code: 'criticalOption', detail: 'force-command' });
  });
});

describe('what is no certificate', () => {
  /** A certificate built by hand, field by field. */
  function built(changes: {
    kind?: number;
    principals?: Buffer;
    options?: Buffer;
    authority?: Buffer;
    signature?: Buffer;
  }): Buffer {
    const writer = new SshWriter()
      .string('ecdsa-sha2-nistp256-cert-v01@openssh.com')
      .string('nonce')
      .raw(key.blob.subarray(4 + key.type.length))
      .u64(1n)
      .u32(changes.kind ?? 1)
      .string('id')
      .string(changes.principals ?? new SshWriter().string('web').done())
      .u64(0n)
      .u64(forever)
      .string(changes.options ?? '')
      .string('')
      .string('')
      .string(changes.authority ?? authority.publicKey.blob);
    const signature = changes.signature ?? authority.sign(writer.done());
    return writer.string(signature).done();
  }

  test('built by hand it is one', () => {
    expect(isGood(built({}))).toBe(true);
  });

  test('without principals it is good for nobody', () => {
    const read = readCertificate(built({ principals: Buffer.alloc(0) }));

    expect(verifyCertificate(read, use)?.code).toBe('noPrincipals');
  });

  test.each([
    ['the kind 3', { kind: 3 }],
    ['options out of order', { options: options('b', 'a') }],
    ['an option twice', { options: options('a', 'a') }],
    ['principals cut short', { principals: Buffer.from('00000009aa', 'hex') }],
    ['a certificate as its authority', { authority: Buffer.from(golden, 'base64') }],
    ['257 principals', { principals: Buffer.from('00000000'.repeat(257), 'hex') }],
  ])('with %s it is refused unread', (_name, changes) => {
    expect(() => readCertificate(built(changes))).toThrow(SshDataFault);
  });

  test('signed by RSA over SHA-1 it does not hold', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const rsaKey = publicKeyFrom(rsa.publicKey);
    const unsigned = built({ authority: rsaKey.blob, signature: Buffer.alloc(0) }).subarray(0, -4);
    const signed = (name: string, hash: string) =>
      new SshWriter()
        .raw(unsigned)
        .string(signatureBlob(name, sign(hash, unsigned, rsa.privateKey)))
        .done();
    const rsaUse = { ...use, authorities: [rsaKey] };

    expect(isGood(signed('rsa-sha2-512', 'sha512'), rsaUse)).toBe(true);
    expect(isGood(signed('ssh-rsa', 'sha1'), rsaUse)).toBe(false);
  });

  test('whatever the bytes, a certificate or a fault', () => {
    const seed = built({ options: options('a', 'b') });
    fc.assert(
      fc.property(fc.nat(seed.length - 1), fc.uint8Array({ maxLength: 12 }), (at, bytes) => {
        const changed = Buffer.concat([seed.subarray(0, at), bytes, seed.subarray(at + bytes.length)]);

        try {
          readCertificate(changed);
        } catch (error) {
          expect(error).toBeInstanceOf(SshDataFault);
        }
      }),
      { numRuns: 1000 },
    );
    expect(() => readCertificate(Buffer.alloc(65_537))).toThrow(SshDataFault);
    expect(() => readCertificate(key.blob)).toThrow(SshDataFault);
  });
});

test('every type of key has a type of certificates, and back', () => {
  expect(certificateTypeOf('ssh-ed25519')).toBe('ssh-ed25519-cert-v01@openssh.com');
  expect(certificateTypeOf('sk-ssh-ed25519@openssh.com')).toBe('sk-ssh-ed25519-cert-v01@openssh.com');
  for (const type of keyTypes) expect(keyTypeOfCertificate(certificateTypeOf(type))).toBe(type);
  expect(keyTypeOfCertificate('ssh-ed25519')).toBeUndefined();
  expect(keyTypeOfCertificate('ssh-dss-cert-v01@openssh.com')).toBeUndefined();
});

function options(...names: string[]): Buffer {
  const writer = new SshWriter();
  for (const name of names) writer.string(name).string('');
  return writer.done();
}

function isGood(blob: Buffer, how = use): boolean {
  try {
    return verifyCertificate(readCertificate(blob), how) === undefined;
  } catch (error) {
    if (error instanceof SshDataFault) return false;
    throw error;
  }
}
