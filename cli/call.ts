import type { z } from 'zod';
import type { Connection } from '#cli/connection.ts';
import { Failure } from '#cli/failure.ts';
import type { Io } from '#cli/io.ts';
import { problemSchema } from '#lib/aws/control-api.ts';
import { readBounded } from '#lib/bounded-body.ts';

const deadlineMs = 15_000;
const maxAnswerBytes = 16 * 1024 * 1024;

interface Call<T> {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: `/v1/${string}`;
  readonly body?: unknown;
  readonly answer: z.ZodType<T>;
}

/**
 * Asks the control plane.
 *
 * @throws {Failure} in the control plane's own words where it has some.
 */
export async function call<T>(connection: Connection, io: Pick<Io, 'fetch'>, request: Call<T>): Promise<T> {
  const url = new URL(connection.url.pathname.replace(/\/$/, '') + request.path, connection.url);
  const [response, body] = await exchange(url, connection.token, io, request).catch(() => {
    throw new Failure(`The control plane at ${connection.url.origin} does not answer: is it running?`);
  });
  if (response.ok) {
    const answer = request.answer.safeParse(body);
    if (answer.success) return answer.data;
    throw new Failure('The control plane answers in a way that this version does not understand.');
  }
  const problem = problemSchema.safeParse(body);
  if (problem.success) {
    throw new Failure([problem.data.title, problem.data.detail].filter(Boolean).join(' '));
  }
  // The authoriser in front of the functions knows no problem documents.
  if (response.status === 401) throw new Failure('The access token is not accepted: get a new one.');
  throw new Failure(`The control plane answers with status ${response.status}.`);
}

async function exchange(
  url: URL,
  token: string,
  { fetch }: Pick<Io, 'fetch'>,
  { method, body }: Pick<Call<unknown>, 'method' | 'body'>,
): Promise<[Response, unknown]> {
  const response = await fetch(url, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    redirect: 'error',
    signal: AbortSignal.timeout(deadlineMs),
  });
  const text = (await readBounded(response, maxAnswerBytes)).toString('utf8');
  return [response, parseJson(text)];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
