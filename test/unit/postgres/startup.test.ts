import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { discovery, readInitialResponse } from '#gateway/protocols/postgres/oauth-bearer.ts';
import {
  cancelRequest,
  opening,
  saslInitialResponse,
  sslRequest,
  startup,
} from '#gateway/protocols/postgres/wire/build.ts';
import { headBytes } from '#gateway/protocols/postgres/wire/frames.ts';
import { openingLength, readOpening } from '#gateway/protocols/postgres/wire/startup.ts';
import { SallyportError } from '#lib/errors.ts';

function codeOf(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return error instanceof SallyportError ? error.code : String(error);
  }
}

describe('the opening packet', () => {
  test('a startup packet is read as it was built', () => {
    const packet = startup(2, [
      ['user', 'dev'],
      ['database', 'shop/other'],
      ['application_name', 'naïve'],
    ]);

    const read = readOpening(packet);

    expect(read).toEqual({
      kind: 'startup',
      minor: 2,
      parameters: new Map([
        ['user', 'dev'],
        ['database', 'shop/other'],
        ['application_name', 'naïve'],
      ]),
    });
  });

  test('requests for encryption and cancellation are told apart', () => {
    expect(readOpening(sslRequest())).toEqual({ kind: 'ssl' });
    expect(readOpening(opening(80877104))).toEqual({ kind: 'gssenc' });
    const key = Buffer.from('0123456789abcdef0123456789abcdef');
    expect(readOpening(cancelRequest(7, key))).toEqual({ kind: 'cancel', processId: 7, secretKey: key });
  });

  const violations: [string, Buffer][] = [
    ['user as its last bare word', Buffer.concat([opening(3 << 16), Buffer.from('user')])],
    ['a name without a value', Buffer.concat([opening(3 << 16), Buffer.from('user\0')])],
    ['no terminator', Buffer.concat([opening(3 << 16), Buffer.from('user\0dev\0')])],
    ['bytes after the terminator', Buffer.concat([startup(0, [['user', 'dev']]), Buffer.from('x')])],
    [
      'a parameter given twice',
      startup(0, [
        ['user', 'dev'],
        ['user', 'dba'],
      ]),
    ],
    ['a cancel request without a key', opening(80877102, Buffer.alloc(4))],
    ['a cancel request with a key of 300 bytes', cancelRequest(1, Buffer.alloc(300))],
    ['an SSL request with more in it', opening(80877103, Buffer.alloc(4))],
  ];
  test.each(violations)('%s is a protocol violation', (_, packet) => {
    expect(codeOf(() => readOpening(packet))).toBe('protocolViolation');
  });

  test('another major version is not spoken', () => {
    expect(codeOf(() => readOpening(opening(2 << 16, Buffer.alloc(1))))).toBe('unsupported');
  });

  test.each([0, 4, 7, 10_001, 0x7fffffff, 0xffffffff])('a length of %d is refused', length => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(length);

    expect(codeOf(() => openingLength(head))).toBe('protocolViolation');
  });

  test('no bytes make it throw anything but its own errors', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 200 }), fc.boolean(), (bytes, real) => {
        const packet = Buffer.from(bytes);
        if (real) packet.writeUInt32BE(3 << 16, 4);
        const code = codeOf(() => readOpening(packet));
        return code === undefined || code === 'protocolViolation' || code === 'unsupported';
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('OAUTHBEARER', () => {
  const body = (data: string, mechanism = 'OAUTHBEARER') =>
    saslInitialResponse(mechanism, Buffer.from(data)).subarray(headBytes);

  test('the token is read', () => {
    expect(readInitialResponse(body('n,,\x01auth=Bearer aa.bb.cc\x01\x01'))).toBe('aa.bb.cc');
    expect(readInitialResponse(body('n,,\x01host=h\x01auth=bearer aa.bb.cc\x01port=1\x01\x01'))).toBe(
      'aa.bb.cc',
    );
  });

  test('an empty auth asks where tokens come from', () => {
    expect(readInitialResponse(body('n,,\x01auth=\x01\x01'))).toBeUndefined();
    expect(JSON.parse(discovery('http://127.0.0.1:1/').toString())['openid-configuration']).toBe(
      'http://127.0.0.1:1/.well-known/openid-configuration',
    );
  });

  test.each([
    ['another mechanism', body('n,,\x01auth=Bearer x\x01\x01', 'SCRAM-SHA-256'), 'unauthenticated'],
    ['channel binding', body('p=tls-unique,,\x01auth=Bearer x\x01\x01'), 'protocolViolation'],
    ['an authorisation identity', body('n,a=dba,\x01auth=Bearer x\x01\x01'), 'protocolViolation'],
    ['two tokens', body('n,,\x01auth=Bearer x\x01auth=Bearer y\x01\x01'), 'unauthenticated'],
    ['no end', body('n,,\x01auth=Bearer x'), 'protocolViolation'],
    ['nothing', Buffer.alloc(0), 'protocolViolation'],
    ['a wrong length', Buffer.from('OAUTHBEARER\0\x7f\xff\xff\xffn,,', 'latin1'), 'protocolViolation'],
  ])('%s is refused', (_, bytes, code) => {
    expect(codeOf(() => readInitialResponse(bytes))).toBe(code);
  });
});
