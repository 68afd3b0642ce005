import type { Server } from 'node:http';
import type { Logger } from 'pino';
import type { Identity } from '#gateway/pipeline/identity.ts';
import { ControlPlane } from '#lib/aws/control-plane.ts';
import { DynamoTable, makeDynamoClient } from '#lib/aws/dynamodb.ts';
import { heartbeatMs, LiveSessions } from '#lib/aws/live-sessions.ts';
import { makeSecretsClient, TargetSecrets } from '#lib/aws/secrets.ts';
import { SallyportError } from '#lib/errors.ts';
import { readCredential } from '#lib/identity/credential.ts';
import { TokenVerifier } from '#lib/identity/token.ts';
import type { GatewayConfig } from './config.ts';
import { serveHealth } from './health.ts';
import { innerConnections } from './inner-connections.ts';
import { Listener } from './listener.ts';
import { Metrics } from './metrics.ts';
import { Certificate } from './net/certificate.ts';
import { PolicySource } from './policy-source.ts';
import { protocols } from './protocols/index.ts';
import { type ProtocolName, protocolNames } from './protocols/names.ts';
import type { Protocol, ProtocolMaker, Reception } from './protocols/protocol.ts';
import { Journal } from './recording/journal.ts';
import { ShipperProcess } from './recording/shipper-process.ts';
import { Registry } from './registry.ts';
import { type Serving, serve } from './session.ts';

const sweepMs = 1_000;
const mailboxMs = 1_000;
/** A function that has to be loaded first takes seconds; whoever signs in waits that long rather than be refused. */
const controlDeadlineMs = 8_000;

/** Everything that one gateway process is made of, wired once. */
export class GatewayTask {
  readonly #config: GatewayConfig;
  readonly #log: Logger;
  readonly #registry: Registry;
  readonly #control: ControlPlane;
  readonly #policy: PolicySource;
  readonly #liveSessions: LiveSessions;
  readonly #listeners: Listener[] = [];
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #certificate: Certificate;
  #journal: Journal | undefined;
  #shipper: ShipperProcess | undefined;
  #health: Server | undefined;
  #draining = false;
  #hurried = false;
  #leased = false;

  constructor(config: GatewayConfig, log: Logger) {
    this.#config = config;
    this.#log = log.child({ task: config.taskId });
    this.#registry = new Registry(config.limits.sessionsPerPrincipal);
    this.#certificate = new Certificate(config.tls.certFile, config.tls.keyFile, fault =>
      this.#log.error({ err: fault }, 'the renewed certificate cannot be used; the old one goes on'),
    );
    this.#control = new ControlPlane({
      url: config.controlUrl,
      region: process.env['AWS_REGION'] ?? 'us-east-1',
      deadlineMs: controlDeadlineMs,
    });
    this.#policy = new PolicySource({
      control: this.#control,
      onLocks: locks => this.#registry.enforce(locks, Date.now()),
      onFault: fault => this.#log.warn({ err: fault }, 'policy could not be refreshed'),
    });
    this.#liveSessions = new LiveSessions({
      table: new DynamoTable(makeDynamoClient(), config.sessionsTable),
    });
  }

  /** Opens every port. Rejects when one cannot be had, or evidence cannot be written. */
  async start(): Promise<void> {
    const config = this.#config;
    const journal = await Journal.open({ ...config.spool, taskId: config.taskId });
    this.#journal = journal;
    this.#shipper = ShipperProcess.start({
      spoolDir: config.spool.dir,
      recordingsDir: config.recordingsDir,
      fsync: config.spool.fsync,
      log: this.#log,
    });
    const metrics = new Metrics(
      () => this.#registry.counts(),
      () => journal.unshippedBytes,
    );
    this.#policy.start();
    this.#every(sweepMs, () => this.#registry.sweep(Date.now()));
    this.#repeat(heartbeatMs, 'renew the lease', async () => {
      await this.#liveSessions.renewLease(config.taskId);
      this.#leased = true;
    });
    this.#repeat(mailboxMs, 'read the mailbox', () => this.#readMailbox());

    // biome-ignore lint/suspicious/noExplicitAny: what a protocol remembers of a greeting is its own affair.
    const served = new Map<ProtocolName, Protocol<any, any, any>>();
    const inner = {
      policy: this.#policy,
      protocols: served,
      certificate: this.#certificate,
      serving: () => serving,
    };
    const serving: Serving = {
      taskId: config.taskId,
      policy: this.#policy,
      journal,
      liveSessions: this.#liveSessions,
      secrets: new TargetSecrets({ client: makeSecretsClient() }),
      metrics,
      now: Date.now,
      registry: this.#registry,
      reception: this.#reception(),
      innerOf: (sessionId, address) => innerConnections(inner, sessionId, address),
      log: (level, message, fields) => this.#log[level](fields, message),
    };
    for (const { protocol: name, address, settings } of config.listen) {
      const protocol = await (protocols[name] as ProtocolMaker<unknown>).make(settings);
      served.set(name, protocol);
      const listener = new Listener({
        address,
        certificate: this.#certificate,
        proxyProtocol: config.proxyProtocol,
        connectionsPerAddress: config.limits.connectionsPerAddress,
        serve: connection => serve(serving, protocol, connection),
        onRefused: (reason, peer) => {
          metrics.refusals.inc({ reason: reason.code });
          this.#log.debug({ code: reason.code, address: peer }, reason.message);
        },
      });
      const port = await listener.listen();
      this.#listeners.push(listener);
      this.#log.info({ protocol: name, host: address.host, port, ...protocol.facts }, 'listening');
    }
    this.#health = await serveHealth(config.health, {
      notReady: () => this.#notReady(),
      draining: () => this.#draining,
      sessions: () => this.#registry.size,
      metrics: metrics.registry,
    });
    this.#log.info({ protocols: protocolNames }, 'started');
  }

  get sessions(): number {
    return this.#registry.size;
  }

  /** No new sessions; those that run leave between statements, or after `drainMs`; then everything is closed. */
  async stop(drainMs: number): Promise<void> {
    this.#draining = true;
    for (const listener of this.#listeners) listener.close();
    const reason = new SallyportError('shutdown', 'terminating connection: the gateway is going away', {
      hint: 'Connect again: another gateway task will take you.',
    });
    this.#registry.drain(reason);
    const deadline = Date.now() + drainMs;
    while (this.#registry.size > 0 && Date.now() < deadline && !this.#hurried) await sleep(50);
    this.#registry.endAll(reason);
    const hardDeadline = Date.now() + 5_000;
    while (this.#registry.size > 0 && Date.now() < hardDeadline) await sleep(50);

    this.#policy.stop();
    this.#certificate.close();
    for (const timer of this.#timers) clearInterval(timer);
    await this.#liveSessions
      .endLease(this.#config.taskId)
      .catch(fault => this.#log.warn({ err: fault }, 'the lease could not be ended'));
    await this.#journal?.close();
    await this.#shipper?.finish();
    this.#health?.close();
    this.#log.info('ended');
  }

  /** Statements in flight are not waited for any more. */
  hurry(): void {
    this.#hurried = true;
  }

  #notReady(): string[] {
    const reasons: string[] = [];
    if (this.#draining) reasons.push('draining');
    if (!this.#policy.ready) reasons.push('no policy that is young enough');
    if (!this.#leased) reasons.push('the table of sessions has not answered yet');
    if (!this.#journal?.writable) reasons.push('evidence cannot be written');
    return reasons;
  }

  #reception(): Reception {
    const { issuer, audience, jwksUri } = this.#config.oidc;
    const verifier = new TokenVerifier({ issuer, audience, jwksUri });
    return {
      issuer,
      identify: async (text, target) => {
        const credential = readCredential(text);
        const principal =
          credential.kind === 'token'
            ? await verifier.verify(credential.token)
            : await this.#control.redeemTicket(credential.ticket, target);
        return principal as Identity;
      },
      vouch: principal => principal as Identity,
      logins: {
        begin: (address, purpose) => this.#control.beginLogin(address, purpose),
        poll: async id => {
          const state = await this.#control.pollLogin(id);
          return state.state === 'done' ? { state: 'done', identity: state.principal as Identity } : state;
        },
      },
      keys: {
        identify: async (fingerprint, address) =>
          (await this.#control.principalOfKey(fingerprint, address)) as Identity | undefined,
        bind: async (loginId, key) => {
          await this.#control.bindKey({ loginId, publicKey: key.toString('base64') });
        },
      },
      cancel: key => this.#registry.cancel(key),
    };
  }

  async #readMailbox(): Promise<void> {
    for (const order of await this.#liveSessions.killOrders(this.#config.taskId)) {
      const found = this.#registry.kill(order.sessionId, order.by.name, order.reason);
      this.#log.info({ session: order.sessionId, by: order.by.name, found }, 'told to end a session');
      await this.#liveSessions.settle(this.#config.taskId, order.sessionId);
    }
  }

  #every(ms: number, act: () => void): void {
    this.#timers.push(setInterval(act, ms));
  }

  /** Runs `act` over and over, never twice at once, whatever becomes of it. */
  #repeat(ms: number, what: string, act: () => Promise<void>): void {
    let running = false;
    const run = async (): Promise<void> => {
      if (running) return;
      running = true;
      try {
        await act();
      } catch (fault) {
        this.#log.warn({ err: fault }, `could not ${what}`);
      } finally {
        running = false;
      }
    };
    void run();
    this.#every(ms, () => void run());
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}
