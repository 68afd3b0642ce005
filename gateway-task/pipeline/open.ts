import type { Metrics } from '#gateway/metrics.ts';
import type { PolicySource } from '#gateway/policy-source.ts';
import type { ProtocolName } from '#gateway/protocols/names.ts';
import type { ClientConnection, Greeting } from '#gateway/protocols/protocol.ts';
import type { Journal } from '#gateway/recording/journal.ts';
import type { SessionRecorder } from '#gateway/recording/recorder.ts';
import { covers, lockedWords } from '#gateway/registry.ts';
import type { Lock } from '#lib/aws/access-records.ts';
import type { LiveSessions } from '#lib/aws/live-sessions.ts';
import type { TargetSecrets } from '#lib/aws/secrets.ts';
import { SallyportError } from '#lib/errors.ts';
import { placesOf, type Target, targetName } from '#lib/policy/config/targets.ts';
import { Decider } from '#lib/policy/decider.ts';
import { Gate } from './gate.ts';
import type { Grant } from './grant.ts';

/** What opening a session needs of the task. */
export interface Opening {
  readonly taskId: string;
  readonly policy: PolicySource;
  readonly journal: Journal;
  readonly liveSessions: LiveSessions;
  readonly secrets: TargetSecrets;
  readonly metrics: Metrics;
  readonly now: () => number;
}

export interface OpenedSession {
  readonly grant: Grant;
  readonly gate: Gate;
  readonly recorder: SessionRecorder;
}

/**
 * Decides whether a session may open, and makes it known before it touches anything: policy, locks, the
 * recording's first record, the table of live sessions. Only what comes out of here can dial a target.
 */
export async function open(
  task: Opening,
  protocol: ProtocolName,
  sessionId: string,
  greeting: Greeting<unknown>,
  { address, via }: Pick<ClientConnection, 'address' | 'via'>,
): Promise<OpenedSession> {
  const { identity, target: name } = greeting;
  // Not asked for: the control plane takes what is no name for a mistake of the gateway's.
  if (!targetName.safeParse(name).success) throw unknownTarget(name, protocol);
  const { grants, locks } = await task.policy.access(identity, name);
  const now = task.now();
  if (task.policy.expired(now))
    throw new SallyportError('policyExpired', 'the policy is older than it may be');
  const target = findTarget(task.policy, name, protocol);
  const place = placeIn(target, name, greeting.place);
  const accessGrant = grants.find(grant => grant.target === name && grant.notAfter > now);
  const subject = { identity, target: name, accessGrantId: accessGrant?.id };
  refuseLocked(locks, subject, now);

  const decider = new Decider(
    task.policy.engine,
    identity,
    { name, protocol: target.protocol, tags: target.tags },
    place,
    address,
    accessGrant && { id: accessGrant.id, reason: accessGrant.reason },
  );
  const decision = decider.decide(undefined, now);
  if (decision.effect === 'deny') {
    throw new SallyportError('forbidden', `${identity.name} may not open ${name}: ${decision.message}`, {
      detail: `Decided by Sallyport, policy version ${decision.version.slice(0, 19)}.`,
    });
  }
  if (decision.approve?.length || (decision.reason === 'required' && !accessGrant)) {
    throw new SallyportError('forbidden', `${identity.name} needs a grant to open ${name}`, {
      detail: `Decided by Sallyport: policy ${decision.policies.join(', ')}.`,
    });
  }

  const recorder = task.journal.openSession(sessionId, {
    protocol,
    principal: identity,
    target: name,
    place,
    clientAddress: address,
    ...(via === undefined ? {} : { via }),
    policyVersion: decision.version,
    ...(accessGrant ? { grant: { id: accessGrant.id, reason: accessGrant.reason } } : {}),
  });
  try {
    recorder.decision(JSON.stringify({ ...decision, verb: 'connect' }));
    await durable(recorder);
    await task.liveSessions.open({
      id: sessionId,
      taskId: task.taskId,
      principal: identity,
      target: name,
      protocol,
      place,
      sourceAddress: address,
      startedAt: now,
      policyVersion: decision.version,
      ...(accessGrant ? { grantId: accessGrant.id } : {}),
    });
  } catch (error) {
    recorder.end(JSON.stringify({ how: 'internal', reason: 'the session could not be made known' }));
    throw error;
  }
  const grant = {
    sessionId,
    identity,
    target: name,
    config: target,
    place,
    decision,
    accessGrantId: accessGrant?.id,
    notAfter: accessGrant?.notAfter,
    secret: task.secrets.get.bind(task.secrets),
  } as unknown as Grant;
  return { grant, recorder, gate: new Gate(recorder, decider, task.policy, task.metrics, task.now) };
}

function findTarget(policy: PolicySource, name: string, protocol: ProtocolName): Target {
  const targets = policy.snapshot.targets;
  const target = Object.hasOwn(targets, name) ? targets[name] : undefined;
  if (target?.protocol === protocol) return target;
  throw unknownTarget(name, protocol);
}

function unknownTarget(name: string, protocol: ProtocolName): SallyportError {
  return new SallyportError('unknownTarget', `there is no target "${printable(name)}"`, {
    hint: `Name a target for ${protocol} that your administrator has set up.`,
  });
}

/** A target's databases or logins are listed: what is not in the list does not exist here. */
function placeIn(target: Target, name: string, wanted: string | undefined): string {
  const { word, own, others } = placesOf(target);
  const place = wanted ?? own;
  if (place === own || others.includes(place)) return place;
  throw new SallyportError('unknownTarget', `the target ${name} has no ${word} "${printable(place)}" here`, {
    hint: `Name ${[own, ...others].map(other => (other === '' ? name : `${name}/${other}`)).join(' or ')}.`,
  });
}

function refuseLocked(locks: readonly Lock[], subject: Parameters<typeof covers>[1], now: number): void {
  const lock = locks.find(candidate => covers(candidate, subject, now));
  if (lock) throw new SallyportError('forbidden', `no session may open: ${lockedWords(lock)}`);
}

function durable(recorder: SessionRecorder): Promise<void> {
  return new Promise((resolve, reject) => {
    recorder.whenDurable(failure => (failure ? reject(failure) : resolve()));
  });
}

function printable(text: string): string {
  return text.slice(0, 64).replace(/[^\x20-\x7e]/g, '?');
}
