import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { type ProtocolSettings, protocolEnvironments } from './protocols/environment.ts';
import { type ProtocolName, protocolNames } from './protocols/names.ts';

const address = z
  .string()
  .regex(/^(?:\[[0-9a-fA-F:.]+\]|[^:\s]+):\d{1,5}$/, 'must be HOST:PORT, for example 0.0.0.0:5432')
  .transform((text, context) => {
    const colon = text.lastIndexOf(':');
    const port = Number(text.slice(colon + 1));
    if (port > 65535) {
      context.addIssue({ code: 'custom', message: 'has a port above 65535' });
      return z.NEVER;
    }
    return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port };
  });

const switched = z.enum(['on', 'off']).transform(value => value === 'on');
const count = (fallback: number) => z.coerce.number().int().min(1).default(fallback);

const environment = z.object({
  SALLYPORT_TASK_ID: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/)
    .default(() => randomBytes(8).toString('hex')),
  SALLYPORT_LISTEN_HEALTH: address,
  SALLYPORT_TLS_CERT: z.string().min(1),
  SALLYPORT_TLS_KEY: z.string().min(1),
  SALLYPORT_CONTROL_URL: z.url({ protocol: /^https?$/ }),
  SALLYPORT_OIDC_ISSUER: z.url({ protocol: /^https?$/ }),
  SALLYPORT_OIDC_AUDIENCE: z.string().min(1),
  SALLYPORT_OIDC_JWKS_URI: z.url({ protocol: /^(https?|file)$/ }).optional(),
  SALLYPORT_SPOOL_DIR: z.string().min(1),
  SALLYPORT_RECORDINGS_DIR: z.string().min(1),
  SALLYPORT_SPOOL_MAX_BYTES: count(4 * 1024 ** 3),
  SALLYPORT_SPOOL_FSYNC: switched.default(false),
  SALLYPORT_TABLE_SESSIONS: z.string().min(1),
  SALLYPORT_PROXY_PROTOCOL: z.enum(['off', 'v2']).default('off'),
  SALLYPORT_MAX_CONNECTIONS_PER_ADDRESS: count(1_000),
  SALLYPORT_MAX_SESSIONS_PER_PRINCIPAL: count(200),
});

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** One protocol's listener, and what else the protocol is told. */
export interface ListenConfig {
  readonly protocol: ProtocolName;
  readonly address: Address;
  readonly settings: ProtocolSettings[ProtocolName];
}

export interface GatewayConfig {
  readonly taskId: string;
  /** A protocol without a listener is off. */
  readonly listen: readonly ListenConfig[];
  readonly health: Address;
  readonly tls: { readonly certFile: string; readonly keyFile: string };
  readonly controlUrl: string;
  readonly oidc: { readonly issuer: string; readonly audience: string; readonly jwksUri: string | undefined };
  readonly spool: { readonly dir: string; readonly maxBytes: number; readonly fsync: boolean };
  readonly recordingsDir: string;
  readonly sessionsTable: string;
  readonly proxyProtocol: boolean;
  readonly limits: { readonly connectionsPerAddress: number; readonly sessionsPerPrincipal: number };
}

/** All that is wrong with the environment, one line a mistake. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(`the gateway's configuration has ${mistakes.length} mistake(s):\n  ${mistakes.join('\n  ')}`);
    this.mistakes = mistakes;
  }
}

/** Reads the whole configuration once. Throws {@link ConfigError} with every mistake in it. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): GatewayConfig {
  const mistakes: string[] = [];
  const parsed = environment.safeParse(env);
  const note = (error: z.ZodError | undefined): void => {
    for (const issue of error?.issues ?? []) {
      const name = issue.path.join('.');
      mistakes.push(env[name] === undefined ? `${name} is not set` : `${name} ${issue.message}`);
    }
  };
  note(parsed.error);
  const listen: ListenConfig[] = [];
  for (const protocol of protocolNames) {
    const name = `SALLYPORT_LISTEN_${protocol.toUpperCase()}`;
    if (env[name] === undefined) continue;
    const result = address.safeParse(env[name]);
    const settings = protocolEnvironments[protocol].safeParse(env);
    note(settings.error);
    if (!result.success) mistakes.push(`${name} ${result.error.issues[0]?.message}`);
    else if (settings.success) listen.push({ protocol, address: result.data, settings: settings.data });
  }
  if (listen.length === 0 && mistakes.length === 0) {
    const names = protocolNames.map(protocol => `SALLYPORT_LISTEN_${protocol.toUpperCase()}`);
    mistakes.push(`no listener: set at least one of ${names.join(', ')}`);
  }
  if (!parsed.success || mistakes.length > 0) throw new ConfigError(mistakes);

  const values = parsed.data;
  return {
    taskId: values.SALLYPORT_TASK_ID,
    listen,
    health: values.SALLYPORT_LISTEN_HEALTH,
    tls: { certFile: values.SALLYPORT_TLS_CERT, keyFile: values.SALLYPORT_TLS_KEY },
    controlUrl: values.SALLYPORT_CONTROL_URL,
    oidc: {
      issuer: values.SALLYPORT_OIDC_ISSUER,
      audience: values.SALLYPORT_OIDC_AUDIENCE,
      jwksUri: values.SALLYPORT_OIDC_JWKS_URI,
    },
    spool: {
      dir: values.SALLYPORT_SPOOL_DIR,
      maxBytes: values.SALLYPORT_SPOOL_MAX_BYTES,
      fsync: values.SALLYPORT_SPOOL_FSYNC,
    },
    recordingsDir: values.SALLYPORT_RECORDINGS_DIR,
    sessionsTable: values.SALLYPORT_TABLE_SESSIONS,
    proxyProtocol: values.SALLYPORT_PROXY_PROTOCOL === 'v2',
    limits: {
      connectionsPerAddress: values.SALLYPORT_MAX_CONNECTIONS_PER_ADDRESS,
      sessionsPerPrincipal: values.SALLYPORT_MAX_SESSIONS_PER_PRINCIPAL,
    },
  };
}
