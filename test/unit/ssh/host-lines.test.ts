import { describe, expect, test } from '@jest/globals';
import { isListed } from '#lib/ssh/address-list.ts';
import { SshWriter } from '#lib/ssh/data-types.ts';
import { certAuthorityLine, knownHostsLine, sshfpRecord } from '#lib/ssh/host-lines.ts';
import { readAuthorizedKeyLine } from '#lib/ssh/key-line.ts';
import { readPublicKey } from '#lib/ssh/public-key.ts';
import { keys } from './fixtures.ts';

const { key } = readAuthorizedKeyLine(keys.ed.line);
const base64 = key.blob.toString('base64');

describe('lines for known_hosts', () => {
  test('port 22 is not written, another one is', () => {
    expect(knownHostsLine({ host: 'shop.example', port: 22 }, key)).toBe(
      `shop.example ssh-ed25519 ${base64}`,
    );
    expect(knownHostsLine({ host: '2001:db8::1', port: 2222 }, key)).toBe(
      `[2001:db8::1]:2222 ssh-ed25519 ${base64}`,
    );
  });

  test('an authority is for patterns', () => {
    expect(certAuthorityLine(['*.shop.example', '[127.0.0.1]:2222'], key)).toBe(
      `@cert-authority *.shop.example,[127.0.0.1]:2222 ssh-ed25519 ${base64}`,
    );
  });

  test.each(['', 'a b', 'a,b', 'a\n@cert-authority *'])('%j is no pattern', pattern => {
    expect(() => certAuthorityLine([pattern], key)).toThrow(TypeError);
    expect(() => knownHostsLine({ host: pattern, port: 22 }, key)).toThrow(TypeError);
  });

  test('an authority for nothing is a mistake', () => {
    expect(() => certAuthorityLine([], key)).toThrow(TypeError);
  });
});

describe('SSHFP records', () => {
  test.each(Object.entries(keys))('of %s are those of ssh-keygen -r', (_name, { line, sshfp }) => {
    expect(sshfpRecord('shop.example', readAuthorizedKeyLine(line).key)).toBe(sshfp);
  });

  test('a key on a FIDO token has none', () => {
    const blob = new SshWriter().string('sk-ssh-ed25519@openssh.com').raw(key.blob.subarray(15));

    expect(() => sshfpRecord('shop.example', readPublicKey(blob.string('ssh:').done()))).toThrow(TypeError);
  });
});

describe('lists of source addresses', () => {
  test.each<[string, string, boolean | undefined]>([
    ['192.0.2.1', '192.0.2.1', true],
    ['192.0.2.1', '192.0.2.2', false],
    ['192.0.2.0/24', '192.0.2.255', true],
    ['192.0.2.0/24', '192.0.3.0', false],
    ['192.0.2.0/25,203.0.113.0/24', '203.0.113.9', true],
    ['0.0.0.0/0', '203.0.113.9', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['::/0', '2001:db8::1', true],
    ['::/0', '192.0.2.1', false],
    ['192.0.2.0/24', '::ffff:192.0.2.9', true],
    ['192.0.2.0/24', '::ffff:c000:209', true],
    ['2001:db8::/32', '2001:db8:ffff::1', true],
    ['2001:db8::/32', '2001:db9::1', false],
    ['2001:DB8::/32', '2001:0db8:0:0:0:0:0:1', true],
    ['::1', '0:0:0:0:0:0:0:1', true],
    ['fe80::/10', 'fe80::1%eth0', true],
    ['192.0.2.1', '', false],
    ['192.0.2.1', 'localhost', false],
    ['192.0.2.1', '192.0.2.01', false],
    ['192.0.2.1/24', '192.0.2.1', undefined],
    ['192.0.2.0/33', '192.0.2.1', undefined],
    ['192.0.2', '192.0.2.1', undefined],
    ['192.0.2.256', '192.0.2.1', undefined],
    ['192.0.2.1,', '192.0.2.1', undefined],
    ['', '192.0.2.1', undefined],
    ['!192.0.2.1', '192.0.2.1', undefined],
    ['*', '192.0.2.1', undefined],
    ['192.0.2.1, 192.0.2.2', '192.0.2.1', undefined],
    ['2001:db8::1::2', '2001:db8::1', undefined],
    ['1:2:3:4:5:6:7', '::1', undefined],
    ['1:2:3:4:5:6:7:8:9', '::1', undefined],
    ['1:2:3:4:5:6:7::8', '::1', undefined],
    [':1', '::1', undefined],
    ['2001:db8::12345', '::1', undefined],
  ])('%j and %j: %s', (list, address, expected) => {
    expect(isListed(list, address)).toBe(expected);
  });
});
