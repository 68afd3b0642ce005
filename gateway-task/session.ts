import { randomUUID } from 'node:crypto';
import { deadlineIn } from '#gateway/net/deadline.ts';
import type { Grant } from '#gateway/pipeline/grant.ts';
import { type OpenedSession, type Opening, open } from '#gateway/pipeline/open.ts';
import type { ClientConnection, InnerConnections, Protocol, Reception } from '#gateway/protocols/protocol.ts';
import type { Registry, RunningSession } from '#gateway/registry.ts';
import { SallyportError } from '#lib/errors.ts';
import type { Target } from '#lib/policy/config/targets.ts';

const dialDeadlineMs = 15_000;

/** What serving a connection needs of the task. */
export interface Serving extends Opening {
  readonly registry: Registry;
  readonly reception: Reception;
  /** Connections within a session: `sessionId` and `address` are that session's. */
  innerOf(sessionId: string, address: string): InnerConnections;
  /** For the operator's log; never told to a client. */
  readonly log: (level: 'debug' | 'info' | 'warn' | 'error', message: string, fields: object) => void;
}

/** Where a connection stands. Only `running` has a target. */
export type SessionState =
  | { readonly phase: 'greeting' }
  | { readonly phase: 'opening'; readonly sessionId: string }
  | { readonly phase: 'dialling'; readonly session: OpenedSession }
  | { readonly phase: 'running'; readonly session: OpenedSession; readonly running: RunningSession }
  | { readonly phase: 'ended'; readonly how: string };

type Ended = Extract<SessionState, { phase: 'ended' }>;

/**
 * Serves one connection from its first byte to its last: greet, open, dial, relay, end. The order is the
 * core's; each step needs what the one before made. Never rejects.
 */
export async function serve<Hello, Leg, Config extends Target>(
  task: Serving,
  protocol: Protocol<Hello, Leg, Config>,
  connection: ClientConnection,
): Promise<Ended> {
  let state: SessionState = { phase: 'greeting' };
  let givePlaceBack: (() => void) | undefined;
  try {
    const greeting = await protocol.greet(connection, task.reception);
    if (!greeting) return { phase: 'ended', how: 'no session' };
    const sessionId = randomUUID();
    state = { phase: 'opening', sessionId };
    givePlaceBack = task.registry.takePlace(`${greeting.identity.issuer} ${greeting.identity.subject}`);
    const session = await open(task, protocol.name, sessionId, greeting, connection);
    state = { phase: 'dialling', session };
    using dialling = deadlineIn(dialDeadlineMs);
    const leg = await protocol.dial(session.grant as Grant<Config>, greeting.hello, dialling.signal);
    const relay = protocol.relay(
      connection,
      greeting.hello,
      leg,
      session.gate,
      task.innerOf(sessionId, connection.address),
    );
    const running = {
      grant: session.grant,
      protocol: protocol.name,
      relay,
      gate: session.gate,
      startedAt: task.now(),
    };
    state = { phase: 'running', session, running };
    task.registry.add(running);
    task.metrics.sessions.inc({ protocol: protocol.name });
    const end = await relay.done;
    // Both legs are closed: what is left to write down elsewhere may take its time.
    givePlaceBack();
    if (end) log(task, connection, end);
    return await finish(task, state, end?.code ?? 'closed', end?.message);
  } catch (error) {
    const reason = coded(error);
    task.metrics.refusals.inc({ reason: reason.code });
    log(task, connection, reason);
    if (!connection.socket.destroyed) protocol.refuse(connection, reason);
    return await finish(task, state, reason.code, reason.message);
  } finally {
    givePlaceBack?.();
  }
}

/** Every session that has a recording gets exactly one end in it. */
async function finish(
  task: Serving,
  state: SessionState,
  how: string,
  reason: string | undefined,
): Promise<Ended> {
  const ended = { phase: 'ended', how } as const;
  if (state.phase !== 'dialling' && state.phase !== 'running') return ended;
  if (state.phase === 'running') task.registry.remove(state.running);
  const { recorder, grant } = state.session;
  try {
    recorder.end(JSON.stringify(reason === undefined ? { how } : { how, reason }));
  } catch (fault) {
    // The journal takes nothing any more: the shipper closes the session as lost.
    task.log('error', 'a session could not be closed in its recording', { session: grant.sessionId, fault });
  }
  try {
    await task.liveSessions.close({ id: grant.sessionId, taskId: task.taskId });
  } catch (fault) {
    // Its entry ends with the task's lease.
    task.log('warn', 'a session could not be taken off the list', { session: grant.sessionId, fault });
  }
  return ended;
}

function coded(error: unknown): SallyportError {
  return error instanceof SallyportError
    ? error
    : new SallyportError('internal', 'an error inside Sallyport', { cause: error });
}

function log(task: Serving, connection: ClientConnection, reason: SallyportError): void {
  const level = reason.code === 'internal' ? 'error' : 'info';
  task.log(level, reason.message, {
    code: reason.code,
    address: connection.address,
    ...(reason.cause instanceof Error ? { cause: reason.cause.message } : {}),
    ...(reason.code === 'internal' && reason.cause instanceof Error ? { stack: reason.cause.stack } : {}),
  });
}
