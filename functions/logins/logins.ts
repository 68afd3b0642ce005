import middy from '@middy/core';
import { type PollSources, poll } from '#functions/logins/poll.ts';
import { type HttpAnswer, type HttpEvent, json } from '#functions/middleware/http.ts';
import { iamCaller } from '#functions/middleware/iam-caller.ts';
import { jsonBody } from '#functions/middleware/json-body.ts';
import { ProblemError, problems } from '#functions/middleware/problems.ts';
import { type HttpHandler, router } from '#functions/middleware/router.ts';
import {
  type LoginAnswer,
  type LoginPurpose,
  type LoginState,
  loginIdSchema,
  loginRequestSchema,
} from '#lib/aws/control-api.ts';
import type { PendingLogin } from '#lib/aws/login-store.ts';
import type { AuthorizationServer } from '#lib/identity/authorization-server.ts';

export interface LoginSources extends PollSources {
  readonly logins: PollSources['logins'] & {
    put(login: PendingLogin): Promise<void>;
  };
  readonly provider: PollSources['provider'] & Pick<AuthorizationServer, 'authorizeDevice'>;
  /** What the provider is asked for. */
  readonly scopes: Readonly<Record<LoginPurpose, string>>;
  /** Answers so many unpredictable bytes. */
  readonly random: (bytes: number) => Uint8Array;
}

/**
 * The function logins: sign-ins in a browser for clients that cannot carry a token, by the device authorization
 * grant (RFC 8628). The control plane runs it, since a gateway task may reach nothing but this API.
 */
export function makeHandler(sources: LoginSources): HttpHandler {
  return router({
    'POST /v1/logins': middy<HttpEvent, HttpAnswer>()
      .use(problems(sources.log))
      .use(iamCaller())
      .use(jsonBody(loginRequestSchema))
      .handler(async event => json(201, await begin(sources, event.json.purpose, event.json.from))),
    'POST /v1/logins/{id}': middy<HttpEvent, HttpAnswer>()
      .use(problems(sources.log))
      .use(iamCaller())
      .handler(async event =>
        json(200, (await ask(sources, event.pathParameters?.['id'])) satisfies LoginState),
      ),
  });
}

async function begin(sources: LoginSources, purpose: LoginPurpose, from: string): Promise<LoginAnswer> {
  const { logins, provider, scopes, random, now } = sources;
  // Taken first: the provider's clock for the code starts when it answers.
  const begunAt = now();
  const device = await provider.authorizeDevice(scopes[purpose]);
  const id = Buffer.from(random(32)).toString('base64url');
  const { deviceCode, intervalMs } = device;
  const notAfter = begunAt + device.expiresInMs;
  const login = { id, purpose, from, notAfter, revision: 0, deviceCode, intervalMs };
  await logins.put({ ...login, state: 'pending', nextPollAt: begunAt, failures: 0 });
  return {
    id,
    userCode: device.userCode,
    verificationUri: device.verificationUri,
    verificationUriComplete: device.verificationUriComplete,
    expiresAt: notAfter,
    intervalMs,
  };
}

async function ask(sources: LoginSources, pathId: string | undefined): Promise<LoginState> {
  const id = loginIdSchema.safeParse(pathId);
  const login = id.success ? await sources.logins.find(id.data) : undefined;
  if (login?.state !== 'pending') {
    throw new ProblemError('notFound', 'The sign-in is unknown, or over.');
  }
  return poll(sources, login);
}
