import { setTimeout as sleep } from 'node:timers/promises';

/** Does what `act` (of the event or, behind HTTP, of the query) says. */
export async function handler(event: {
  act?: string;
  queryStringParameters?: { act?: string };
}): Promise<unknown> {
  switch (event.act ?? event.queryStringParameters?.act) {
    case 'throw':
      throw new RangeError('no such thing');
    case 'throw text':
      throw 'just text';
    case 'exit':
      return process.exit(3);
    case 'crash later':
      setTimeout(() => {
        throw new Error('nobody catches this');
      }, 10);
      return sleep(60_000);
    case 'hang':
      return sleep(60_000);
    case 'spin':
      for (;;);
    case 'fill memory': {
      const held: number[][] = [];
      for (;;) held.push(Array.from({ length: 100_000 }, Math.random));
    }
    case 'nothing':
      return undefined;
    case 'text':
      return 'plain text';
    case 'object':
      return { hello: 'world' };
    case 'no such status':
      return { statusCode: 9000 };
    case 'body is an object':
      return { statusCode: 200, body: { a: 1 } };
    case 'bad header':
      return { statusCode: 200, headers: { 'x-bad': 'a\r\nset-cookie: b' } };
    case 'large':
      return { statusCode: 200, body: 'x'.repeat(7 * 1024 * 1024) };
    case 'bytes':
      return {
        statusCode: 201,
        headers: { 'content-type': 'image/png', 'x-number': 7 },
        cookies: ['a=1; HttpOnly', 'b=2'],
        body: Buffer.from([0, 255, 10]).toString('base64'),
        isBase64Encoded: true,
      };
    case 'slow':
      await sleep(300);
      return { statusCode: 200, body: 'done' };
    default:
      return { statusCode: 200, headers: { 'content-type': 'text/plain' }, body: 'fine' };
  }
}
