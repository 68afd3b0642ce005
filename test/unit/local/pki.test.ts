import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { preparePki } from '#local/pki.ts';

const dayMs = 86_400_000;
const now = Date.UTC(2026, 5, 1);

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-pki-'));
});

afterEach(() => rm(folder, { recursive: true }));

const load = async (path: string) => new X509Certificate(await readFile(path));

describe('the local certificates', () => {
  test('are for this machine under each of its names, and signed by the local authority', async () => {
    const pki = await preparePki(folder, ['gateway'], now);

    const certificate = await load(pki.servers['gateway']!.cert);
    const authority = await load(pki.ca);

    expect(certificate.verify(authority.publicKey)).toBe(true);
    expect(certificate.checkHost('localhost')).toBe('localhost');
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkIP('::1')).toBeDefined();
    expect(certificate.ca).toBe(false);
  });

  test('stay the same at the next start', async () => {
    const first = await preparePki(folder, ['gateway'], now);
    const before = await readFile(first.servers['gateway']!.cert, 'utf8');

    await preparePki(folder, ['gateway', 'postgres'], now + 30 * dayMs);

    expect(await readFile(first.servers['gateway']!.cert, 'utf8')).toBe(before);
  });

  test('are made anew in their last third, by the same authority', async () => {
    const first = await preparePki(folder, ['gateway'], now);
    const authority = await readFile(first.ca, 'utf8');
    const later = now + 300 * dayMs;

    const second = await preparePki(folder, ['gateway'], later);

    expect(Date.parse((await load(second.servers['gateway']!.cert)).validTo)).toBeGreaterThan(
      later + 300 * dayMs,
    );
    expect(await readFile(second.ca, 'utf8')).toBe(authority);
  });

  test('keep their keys to the one who made them', async () => {
    const pki = await preparePki(folder, ['gateway'], now);

    expect((await stat(pki.servers['gateway']!.key)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'ca-key.pem'))).mode & 0o777).toBe(0o600);
  });
});
