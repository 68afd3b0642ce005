import type { IdentityProvider } from './identity-provider.ts';
import { agent, people } from './people.ts';
import type { GatewaySsh } from './ssh-gateway.ts';
import type { SshDirect } from './ssh-sample.ts';

/** What a script needs to use a running stack; written when everything serves (mode 0600: it holds tokens). */

export interface ReadyPerson {
  readonly email: string;
  readonly groups: readonly string[];
  /** An access token, good for a day from the start. */
  readonly token: string;
}

export interface ReadyFile {
  readonly gateway: {
    readonly postgres: { readonly host: string; readonly port: number };
    /** Where the gateway speaks it. */
    readonly ssh?: GatewaySsh;
    /** The authority that signed the gateway's certificate, in PEM. */
    readonly ca: string;
    /** `/live`, `/ready`, `/drain` and `/metrics` are below it. */
    readonly health: string;
    /** Of the gateway process. */
    readonly pid: number;
  };
  readonly people: Readonly<Record<string, ReadyPerson>>;
  readonly targets: ReadyTargets;
  readonly control: { readonly url: string };
  readonly identity: {
    readonly issuer: string;
    readonly audience: string;
    readonly jwksUri: string;
    /** What the sign-in page asks for. */
    readonly passcode: string;
  };
  readonly aws: {
    readonly endpoint: string;
    readonly region: string;
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly tables: Readonly<Record<string, string>>;
  };
  readonly paths: {
    readonly data: string;
    /** The configuration folder, watched. */
    readonly config: string;
    readonly recordings: string;
    readonly spool: string;
    /** Every statement that the sample target executed. */
    readonly postgresLog: string;
    readonly gatewayLog: string;
  };
}

/** A sample target, and the way round the gateway, which only samples have: benchmarks compare with it. */
export interface ReadyTargets {
  readonly shop: ReadyPostgres;
  /** Where the gateway speaks SSH, and a sample host can run. */
  readonly 'web-1'?: { readonly protocol: 'ssh'; readonly direct: SshDirect };
}

export interface ReadyPostgres {
  readonly protocol: 'postgres';
  readonly direct: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string;
    readonly database: string;
  };
}

/** Everybody with a fresh token. */
export async function readyPeople(identity: IdentityProvider): Promise<Record<string, ReadyPerson>> {
  const everybody = [...Object.values(people), agent];
  const entries = everybody.map(async ({ subject, email, groups }) => {
    const token = await identity.tokenFor(subject as Parameters<IdentityProvider['tokenFor']>[0]);
    return [subject, { email, groups, token }] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}
