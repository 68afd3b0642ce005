import { describe, expect, test } from '@jest/globals';
import {
  checkSignature,
  readSignature,
  type SignedRequest,
  SigV4Error,
  stringToSign,
} from '#local/aws/sigv4.ts';

/**
 * Published examples: "get-vanilla" and others of the AWS Signature Version 4 test suite, and the GET example
 * for Amazon S3 in the API reference.
 */
const secretAccessKey = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
const suiteTime = Date.UTC(2015, 7, 30, 12, 36, 0);
const credential = 'AKIDEXAMPLE/20150830/us-east-1/service/aws4_request';

function suiteRequest(
  signature: string,
  more: Partial<SignedRequest> = {},
  signedHeaders = 'host;x-amz-date',
): SignedRequest {
  return {
    method: 'GET',
    path: '/',
    query: '',
    ...more,
    headers: {
      host: 'example.amazonaws.com',
      'x-amz-date': '20150830T123600Z',
      authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${signedHeaders}, Signature=${signature}`,
      ...more.headers,
    },
  };
}

function reasonOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof SigV4Error) return error.reason;
    throw error;
  }
  return 'holds';
}

const check = (request: SignedRequest, body = '', now = suiteTime) =>
  reasonOf(() =>
    checkSignature(request, Buffer.from(body), readSignature(request), { secretAccessKey }, now),
  );

describe('published examples', () => {
  test.each<[string, SignedRequest]>([
    ['get-vanilla', suiteRequest('5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31')],
    [
      'get-vanilla-query-order-key-case',
      suiteRequest('b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500', {
        query: 'Param2=value2&Param1=value1',
      }),
    ],
    [
      'post-vanilla',
      suiteRequest('5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b', { method: 'POST' }),
    ],
  ])('%s', (_name, request) => {
    expect(check(request)).toBe('holds');
    expect(check({ ...request, method: 'PUT' })).toBe('mismatch');
  });

  test('an object of S3, with its own way to write the path', () => {
    const request: SignedRequest = {
      method: 'GET',
      path: '/test.txt',
      query: '',
      headers: {
        host: 'examplebucket.s3.amazonaws.com',
        range: 'bytes=0-9',
        'x-amz-date': '20130524T000000Z',
        'x-amz-content-sha256': 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
        authorization:
          'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
      },
    };
    const key = { secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' };

    expect(
      reasonOf(() =>
        checkSignature(request, Buffer.alloc(0), readSignature(request), key, Date.UTC(2013, 4, 24)),
      ),
    ).toBe('holds');
    expect(
      reasonOf(() =>
        checkSignature(request, Buffer.from('x'), readSignature(request), key, Date.UTC(2013, 4, 24)),
      ),
    ).toBe('bodyMismatch');
  });

  test('a presigned object of S3', () => {
    const request: SignedRequest = {
      method: 'GET',
      path: '/test.txt',
      query:
        'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
      headers: { host: 'examplebucket.s3.amazonaws.com' },
    };
    const key = { secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' };
    const at = (now: number) =>
      reasonOf(() => checkSignature(request, Buffer.alloc(0), readSignature(request), key, now));
    const signed = Date.UTC(2013, 4, 24);

    expect([at(signed), at(signed + 86_400_000), at(signed + 86_401_000), at(signed - 901_000)]).toEqual([
      'holds',
      'holds',
      'skewed',
      'skewed',
    ]);
  });
});

describe('what cannot be a signature', () => {
  const good = suiteRequest('5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31');
  const withAuthorization = (change: (text: string) => string): SignedRequest => ({
    ...good,
    headers: { ...good.headers, authorization: change(good.headers['authorization']!) },
  });

  test.each<[string, SignedRequest, string]>([
    ['the host is not signed', withAuthorization(text => text.replace('host;', '')), 'incomplete'],
    [
      'a signed header is missing',
      withAuthorization(text => text.replace('host;', 'host;other;')),
      'mismatch',
    ],
    ['the scope has four parts', withAuthorization(text => text.replace('/service', '')), 'incomplete'],
    [
      'the scope ends otherwise',
      withAuthorization(text => text.replace('aws4_request', 'aws5_request')),
      'incomplete',
    ],
    [
      'the date is of another day',
      withAuthorization(text => text.replace('20150830/', '20150831/')),
      'incomplete',
    ],
    [
      'the date is no date',
      { ...good, headers: { ...good.headers, 'x-amz-date': '20150899T999999Z' } },
      'incomplete',
    ],
    [
      'the month is no month',
      { ...good, headers: { ...good.headers, 'x-amz-date': '20150830T996000Z' } },
      'skewed',
    ],
    [
      'the signature is empty',
      withAuthorization(text => text.replace(/Signature=.*/, 'Signature=')),
      'incomplete',
    ],
    [
      'the signature is no hex',
      withAuthorization(text => text.replace(/Signature=.*/, 'Signature=zz')),
      'mismatch',
    ],
    ['the address is no UTF-8', { ...good, query: 'a=%ff' }, 'incomplete'],
    ['there are two', { ...good, query: 'X-Amz-Algorithm=AWS4-HMAC-SHA256' }, 'incomplete'],
  ])('%s', (_what, request, reason) => {
    expect(check(request)).toBe(reason);
  });

  test.each(['0', '-1', '604801', '1.5', 'x', ''])('a presigned address for %j seconds', expires => {
    const query = `X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${encodeURIComponent(credential)}&X-Amz-Date=20150830T123600Z&X-Amz-Expires=${expires}&X-Amz-SignedHeaders=host&X-Amz-Signature=00`;

    expect(reasonOf(() => readSignature({ method: 'GET', path: '/', query, headers: { host: 'x' } }))).toBe(
      'incomplete',
    );
  });
});

test('the query is signed in the order of its names, the path normalised and escaped twice', () => {
  const request = suiteRequest('00', { path: '/a//b/../c%20d/', query: 'b=2&a=%2F&B=x&a' });
  const same = suiteRequest('00', { path: '/a/c%20d/', query: 'a&a=%2f&b=2&B=x' });

  expect(stringToSign(request, Buffer.alloc(0), readSignature(request))).toBe(
    stringToSign(same, Buffer.alloc(0), readSignature(same)),
  );
});
