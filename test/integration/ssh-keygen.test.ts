/** Keys, signatures and certificates against OpenSSH's own ssh-keygen, both ways. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { makeCertificate, readCertificate } from '#lib/ssh/certificate.ts';
import { verifyCertificate } from '#lib/ssh/certificate-check.ts';
import { SshDataFault, SshReader, SshWriter } from '#lib/ssh/data-types.ts';
import { sshfpRecord } from '#lib/ssh/host-lines.ts';
import { publicKeyLine, readAuthorizedKeyLine } from '#lib/ssh/key-line.ts';
import { generateEcdsa256, generateEd25519, readPrivateKey } from '#lib/ssh/private-key.ts';
import { type TemporaryFolder, temporaryFolder } from '../harness/temporary-folder.ts';

const run = promisify(execFile);
const kinds = [
  ['ed25519', '256'],
  ['ecdsa', '256'],
  ['ecdsa', '384'],
  ['ecdsa', '521'],
  ['rsa', '2048'],
  ['rsa', '3072'],
] as const;
const userCa = generateEd25519();

let folder: TemporaryFolder;
const at = (name: string) => join(folder.path, name);
const read = (name: string) => readFile(at(name), 'utf8');
/** Without an answer to its questions, ssh-keygen would wait for ever. */
const keygen = async (...args: string[]) =>
  (await run('ssh-keygen', args, { cwd: folder.path, timeout: 20_000 })).stdout;

beforeAll(async () => {
  folder = await temporaryFolder('ssh-keygen');
  for (const [type, bits] of kinds) {
    await keygen('-q', '-t', type, '-b', bits, '-N', '', '-C', 'a comment', '-f', `${type}-${bits}`);
  }
  await writeFile(at('user-ca'), userCa.pem, { mode: 0o600 });
  await writeFile(at('user-ca.pub'), `${publicKeyLine(userCa.signer.publicKey)}\n`);
});

afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

describe.each(kinds)('a key of %s with %s bits that ssh-keygen made', (type, bits) => {
  const name = `${type}-${bits}`;

  test('is read, public and private, with the fingerprint and SSHFP record that it prints', async () => {
    const { key, comment } = readAuthorizedKeyLine(await read(`${name}.pub`));
    const signer = readPrivateKey(await read(name));

    expect(comment).toBe('a comment');
    expect(signer.publicKey.blob).toEqual(key.blob);
    expect((await keygen('-l', '-f', `${name}.pub`)).split(' ')[1]).toBe(key.fingerprint);
    const records = (await keygen('-r', 'shop.example', '-f', `${name}.pub`)).split('\n');
    expect(records).toContain(sshfpRecord('shop.example', key));
  });

  test('in PEM is read as well', async () => {
    const { key } = readAuthorizedKeyLine(await read(`${name}.pub`));
    if (type !== 'ed25519') {
      await writeFile(at(`${name}-pem`), await read(name), { mode: 0o600 });
      await keygen('-q', '-p', '-m', 'PEM', '-N', '', '-f', `${name}-pem`);
      expect(await read(`${name}-pem`)).toMatch(/^-----BEGIN (RSA|EC) PRIVATE KEY/);
      expect(readPrivateKey(await read(`${name}-pem`)).publicKey.blob).toEqual(key.blob);
    }
    await writeFile(at(`${name}-locked`), await read(name), { mode: 0o600 });
    await keygen('-q', '-p', '-N', 'a passphrase', '-f', `${name}-locked`);
    const locked = await read(`${name}-locked`);
    expect(() => readPrivateKey(locked)).toThrow(SshDataFault);
  });

  test('signs what we verify, and we sign what it verifies', async () => {
    const { key } = readAuthorizedKeyLine(await read(`${name}.pub`));
    const signer = readPrivateKey(await read(name));
    await writeFile(at(`${name}-data`), 'what is signed');
    await keygen('-q', '-Y', 'sign', '-f', name, '-n', 'test', `${name}-data`);
    const theirs = sshsig(await read(`${name}-data.sig`));

    expect(key.verify(theirs.signed(Buffer.from('what is signed')), theirs.signature)).toBe(true);
    expect(key.verify(theirs.signed(Buffer.from('what is signet')), theirs.signature)).toBe(false);

    const ours = signer.sign(theirs.signed(Buffer.from('what is signed')));
    await writeFile(at(`${name}-ours.sig`), theirs.with(ours));
    await writeFile(at('allowed'), `me ${await read(`${name}.pub`)}`);
    const verified = await verifyByKeygen(`${name}-ours.sig`, 'what is signed');
    expect(verified).toContain('Good "test" signature for me');
    await expect(verifyByKeygen(`${name}-ours.sig`, 'what is signet')).rejects.toThrow();
  });

  test('certifies and is certified by ssh-keygen, and the certificate holds', async () => {
    const { key } = readAuthorizedKeyLine(await read(`${name}.pub`));
    await keygen('-q', '-s', name, '-I', 'the id', '-n', 'web,root', '-V', '+1h', '-z', '7', 'user-ca.pub');
    const certificate = readCertificate(blobOf(await read('user-ca-cert.pub')));

    expect(certificate.key.blob).toEqual(userCa.signer.publicKey.blob);
    const use = { authorities: [key], kind: 'user', principal: 'root', now: Date.now() } as const;
    expect(verifyCertificate(certificate, use)).toBeUndefined();

    await keygen('-q', '-s', 'user-ca', '-h', '-I', 'a host', '-n', 'shop.example', `${name}.pub`);
    const host = readCertificate(blobOf(await read(`${name}-cert.pub`)));
    expect(host.key.blob).toEqual(key.blob);
    const hostUse = { ...use, authorities: [userCa.signer.publicKey.fingerprint], principal: 'shop.example' };
    expect(verifyCertificate(host, { ...hostUse, kind: 'host' })).toBeUndefined();
    expect(verifyCertificate(host, hostUse)?.code).toBe('wrongKind');
  });

  test('is certified by us, and ssh-keygen prints what the certificate says', async () => {
    const { key } = readAuthorizedKeyLine(await read(`${name}.pub`));
    const blob = await makeCertificate({
      ...{ key, kind: 'user', serial: 42n, keyId: 'session 1', principals: ['root'] },
      ...{ validAfter: 1_767_225_600n, validBefore: 1_767_229_200n, authority: userCa.signer },
      criticalOptions: { 'source-address': '192.0.2.0/24' },
      extensions: { 'permit-pty': '', 'permit-agent-forwarding': '' },
    });
    const certificate = readCertificate(blob);
    await writeFile(at('ours-cert.pub'), `${certificate.type} ${blob.toString('base64')}\n`);

    const printed = await keygen('-L', '-f', 'ours-cert.pub');

    expect(printed).toContain(`Type: ${certificate.type} user certificate`);
    expect(printed).toContain(key.fingerprint);
    expect(printed).toContain(`Signing CA: ED25519 ${userCa.signer.publicKey.fingerprint}`);
    expect(printed).toContain('Key ID: "session 1"');
    expect(printed).toContain('Serial: 42');
    expect(printed).toMatch(/Principals: \n\s+root\n/);
    expect(printed).toMatch(/Critical Options: \n\s+source-address 192\.0\.2\.0\/24\n/);
    expect(printed).toMatch(/Extensions: \n\s+permit-agent-forwarding\n\s+permit-pty\n/);
  });
});

test('keys of ours are read by ssh-keygen, and their certificates pass its check of the signature', async () => {
  for (const [name, { signer, pem }] of [
    ['our-ed25519', generateEd25519('ours')],
    ['our-ecdsa', generateEcdsa256('ours')],
  ] as const) {
    await writeFile(at(name), pem, { mode: 0o600 });
    const blob = await makeCertificate({
      ...{ key: signer.publicKey, kind: 'user', serial: 1n, keyId: 'id', principals: ['me'] },
      ...{ validAfter: 0n, validBefore: 0xffff_ffff_ffff_ffffn, authority: userCa.signer },
    });
    const { type } = readCertificate(blob);

    expect((await keygen('-y', '-f', name)).trim()).toBe(publicKeyLine(signer.publicKey, 'ours'));

    // A signature by the certificate: ssh-keygen checks the authority's signature when it verifies it.
    await writeFile(at(`${name}-cert.pub`), `${type} ${blob.toString('base64')}\n`);
    await writeFile(at(`${name}-data`), 'what is signed');
    await keygen('-q', '-Y', 'sign', '-f', `${name}-cert.pub`, '-n', 'test', `${name}-data`);
    await writeFile(at('allowed'), `me cert-authority ${await read('user-ca.pub')}`);
    expect(await verifyByKeygen(`${name}-data.sig`, 'what is signed')).toContain(
      'Good "test" signature for me',
    );
  }
});

function blobOf(line: string): Buffer {
  return Buffer.from(line.split(' ')[1]!, 'base64');
}

/** OpenSSH PROTOCOL.sshsig. */
function sshsig(text: string): {
  signature: Buffer;
  signed(data: Buffer): Buffer;
  with(signature: Buffer): string;
} {
  const blob = Buffer.from(text.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
  const reader = new SshReader(blob, 'SSHSIG'.length + 4);
  reader.string();
  const namespace = reader.text();
  reader.string();
  const hash = reader.text();
  const head = blob.subarray(0, reader.offset);
  return {
    signature: reader.string(),
    signed: data =>
      new SshWriter()
        .raw(Buffer.from('SSHSIG'))
        .string(namespace)
        .string('')
        .string(hash)
        .string(new Uint8Array(digest(hash, data)))
        .done(),
    with: signature => {
      const base64 = new SshWriter().raw(head).string(signature).done().toString('base64');
      return `-----BEGIN SSH SIGNATURE-----\n${base64.replaceAll(/.{70}/g, '$&\n')}\n-----END SSH SIGNATURE-----\n`;
    },
  };
}

function digest(hash: string, data: Buffer): Buffer {
  return createHash(hash).update(data).digest();
}

async function verifyByKeygen(signature: string, data: string): Promise<string> {
  const args = ['-Y', 'verify', '-f', 'allowed', '-I', 'me', '-n', 'test', '-s', signature];
  const child = run('ssh-keygen', args, { cwd: folder.path, timeout: 20_000 });
  child.child.stdin!.end(data);
  return (await child).stdout;
}
