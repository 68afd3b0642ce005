import middy from '@middy/core';
import type { Authorize } from '#functions/authorize.ts';
import { type CheckSources, principalOfKey } from '#functions/keys/check.ts';
import { type HttpAnswer, type HttpEvent, json } from '#functions/middleware/http.ts';
import { iamCaller } from '#functions/middleware/iam-caller.ts';
import { jsonBody } from '#functions/middleware/json-body.ts';
import { jwtPrincipal, type WithPrincipal } from '#functions/middleware/jwt-principal.ts';
import { ProblemError, problems } from '#functions/middleware/problems.ts';
import { type HttpHandler, router } from '#functions/middleware/router.ts';
import {
  type BindAnswer,
  bindRequestSchema,
  type KeyRevoked,
  type KeySummary,
  type KeysAnswer,
  keyLookupRequestSchema,
} from '#lib/aws/control-api.ts';
import type { KeyBinding } from '#lib/aws/key-store.ts';
import type { DoneLogin } from '#lib/aws/login-store.ts';
import type { Principal } from '#lib/identity/principal.ts';
import { fingerprintOf, keyTypeOf, readFingerprint } from '#lib/ssh/fingerprint.ts';

export interface KeySources extends CheckSources {
  readonly keys: CheckSources['keys'] & {
    add(binding: KeyBinding): Promise<boolean>;
    list(
      wanted: (binding: KeyBinding) => boolean,
    ): Promise<{ readonly bindings: readonly KeyBinding[]; readonly truncated: boolean }>;
  };
  readonly logins: { takeDone(id: string): Promise<DoneLogin | undefined> };
  readonly authorize: Authorize;
  /** A binding holds for no longer, whatever the identity provider says. */
  readonly maxAgeMs: number;
}

/** Each is lost only against somebody who changes the binding of this key at the same moment. */
const maxAttempts = 3;

/** The function keys: public keys that stand for somebody while a session at the identity provider lasts. */
export function makeHandler(sources: KeySources): HttpHandler {
  return router({
    'POST /v1/keys': middy<HttpEvent, HttpAnswer>()
      .use(problems(sources.log))
      .use(iamCaller())
      .use(jsonBody(bindRequestSchema))
      .handler(async event => {
        const { loginId, publicKey, comment } = event.json;
        return json(201, await bind(sources, loginId, Buffer.from(publicKey, 'base64'), comment));
      }),
    'POST /v1/keys/lookup': middy<HttpEvent, HttpAnswer>()
      .use(problems(sources.log))
      .use(iamCaller())
      .use(jsonBody(keyLookupRequestSchema))
      .handler(async event => {
        const principal = await principalOfKey(sources, event.json.fingerprint, event.json.from);
        if (!principal) throw new ProblemError('notFound', 'The key is bound to nobody.');
        return json(200, { principal });
      }),
    'GET /v1/keys': middy<HttpEvent, HttpAnswer>()
      .use(problems(sources.log))
      .use(jwtPrincipal())
      .handler(async event => json(200, await list(sources, event))),
    'DELETE /v1/keys/{fingerprint}': middy<HttpEvent, HttpAnswer>()
      .use(problems(sources.log))
      .use(jwtPrincipal())
      .handler(async event => json(200, await revoke(sources, event))),
  });
}

async function bind(
  sources: KeySources,
  loginId: string,
  blob: Buffer,
  comment: string | undefined,
): Promise<BindAnswer> {
  const { logins, authorize, now, maxAgeMs } = sources;
  const keyType = keyTypeOf(blob);
  if (keyType === undefined) throw new ProblemError('invalidRequest', 'This is no key that can be bound.');
  const login = await logins.takeDone(loginId);
  if (login?.purpose !== 'key') throw new ProblemError('notFound', 'The sign-in is unknown, used or over.');
  const { principal, refreshToken, from } = login;
  const answer = await authorize(principal, 'keys:bind', from);
  if (answer.effect !== 'allow') throw new ProblemError('forbidden', answer.message);
  const boundAt = now();
  const latest = boundAt + maxAgeMs;
  const binding: KeyBinding = {
    fingerprint: fingerprintOf(blob),
    keyType,
    ...(comment !== undefined && { comment }),
    principal,
    ...(refreshToken !== undefined && { refreshToken }),
    boundAt,
    boundFrom: from,
    endsAt: refreshToken === undefined ? Math.min(latest, principal.expiresAt * 1000) : latest,
    checkedAt: boundAt,
    lastUsedAt: boundAt,
    lastUsedFrom: from,
    revision: 0,
  };
  await put(sources, binding);
  return { fingerprint: binding.fingerprint, endsAt: binding.endsAt };
}

/**
 * A key that is bound stays whose it is: two people who hold the same private key would otherwise act in each
 * other's name. One's own binding is replaced.
 */
async function put(sources: KeySources, binding: KeyBinding): Promise<void> {
  const { keys } = sources;
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    if (await keys.add(binding)) return;
    const bound = await keys.find(binding.fingerprint);
    if (!bound) continue;
    if (isOwn(bound.principal, binding.principal)) {
      if (await keys.replace({ ...binding, revision: bound.revision + 1 }, bound)) return;
    } else if (await principalOfKey(sources, binding.fingerprint, undefined)) {
      throw new ProblemError('keyInUse', 'This key is bound to somebody else. Use a key of your own.');
    }
  }
  throw new ProblemError('controlPlaneUnavailable', 'The key is being bound or used elsewhere.');
}

async function list({ keys, authorize }: KeySources, event: WithPrincipal): Promise<KeysAnswer> {
  const { principal } = event;
  const { effect } = await authorize(principal, 'keys:list-all', event.requestContext.http.sourceIp);
  const wanted =
    effect === 'allow' ? () => true : (binding: KeyBinding) => isOwn(binding.principal, principal);
  const { bindings, truncated } = await keys.list(wanted);
  return { keys: bindings.map(summary), truncated };
}

/** Who may not revoke a key of others learns nothing about it either. */
async function revoke({ keys, authorize }: KeySources, event: WithPrincipal): Promise<KeyRevoked> {
  const { principal } = event;
  const fingerprint = readFingerprint(event.pathParameters?.['fingerprint'] ?? '');
  const binding = fingerprint === undefined ? undefined : await keys.find(fingerprint);
  if (!binding) throw new ProblemError('notFound', 'You have no such key.');
  if (!isOwn(binding.principal, principal)) {
    const { sourceIp } = event.requestContext.http;
    const { effect } = await authorize(principal, 'keys:revoke-all', sourceIp);
    if (effect !== 'allow') throw new ProblemError('notFound', 'You have no such key.');
  }
  await keys.remove(binding);
  return { fingerprint: binding.fingerprint, principal: person(binding.principal) };
}

function summary(binding: KeyBinding): KeySummary {
  const { fingerprint, keyType, comment, boundAt, boundFrom, lastUsedAt, lastUsedFrom, endsAt } = binding;
  return {
    ...{ fingerprint, keyType, boundAt, boundFrom, endsAt },
    principal: person(binding.principal),
    ...(comment !== undefined && { comment }),
    ...(lastUsedAt !== undefined && { lastUsedAt }),
    ...(lastUsedFrom !== undefined && { lastUsedFrom }),
  };
}

function person({ issuer, subject, name }: Principal) {
  return { issuer, subject, name };
}

function isOwn(bound: Principal, { issuer, subject }: Principal): boolean {
  return bound.issuer === issuer && bound.subject === subject;
}
