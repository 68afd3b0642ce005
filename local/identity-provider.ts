/**
 * The development identity provider: OpenID Connect on the loopback address, for the people of people.ts.
 * Everybody may be anybody here; nothing of it is ever deployed.
 *
 * Browser flows (authorisation code with PKCE, device code) serve people, client credentials and token
 * exchange serve the agent. Access tokens are JWTs (RFC 9068) with the claims `email`, `groups` and `act`.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { createLocalJWKSet, exportJWK, generateKeyPair, type JSONWebKeySet, type JWK, jwtVerify } from 'jose';
import Provider, { type ClientMetadata, type Configuration, interactionPolicy } from 'oidc-provider';
import { devicePages, logoutPages } from './device-pages.ts';
import { newSecret, readOrMake } from './files.ts';
import { answerSignIn, signInPath } from './identity-pages.ts';
import { IdentityStore } from './identity-store.ts';
import { agent, findPerson, type people } from './people.ts';
import { loopback } from './ports.ts';
import { registerTokenExchange, tokenExchange } from './token-exchange.ts';

/** What access tokens are for (`aud`). */
export const audience = 'sallyport';
/** The same thing as the `resource` of a request, which must be a URI (RFC 8707). */
export const resource = 'urn:sallyport';
/** The public client of the command line tool. */
export const commandLineClient = 'sallyport-cli';
/** The public client of the control plane, which signs people in for clients that cannot carry a token. */
export const signInClient = 'sallyport-sign-in';
/** What that client asks for. */
export const signInScope = 'openid email connect';

/** What API Gateway's JWT authoriser can check; it knows no elliptic curves. */
const signatureAlgorithm = 'RS256';
const browserTokenSeconds = 3600;
/** Tokens of the ready file: a working day and a night. */
const mintedTokenSeconds = 24 * 3600;

/** Makes a token of a client for a subject, without asking anybody. */
export type TokenMint = (clientId: string, subject: string) => Promise<{ token: string; expiresIn: number }>;

export interface IdentityProvider {
  readonly issuer: string;
  readonly jwksUri: string;
  readonly agentSecret: string;
  /** What the sign-in page asks for: who knows it may be anybody. */
  readonly passcode: string;
  /** An access token as the person would get it by signing in, good for a day. */
  tokenFor(who: keyof typeof people | 'agent'): Promise<string>;
  stop(): Promise<void>;
}

export interface IdentityProviderOptions {
  /** Keys and secrets are kept here, so that tokens outlive a restart. */
  readonly folder: string;
  /** 0: any. */
  readonly port: number;
}

export async function startIdentityProvider(options: IdentityProviderOptions): Promise<IdentityProvider> {
  const key = JSON.parse(await readOrMake(join(options.folder, 'issuer-key.json'), makeKey)) as JWK;
  const agentSecret = await readOrMake(join(options.folder, 'agent-secret'), () => newSecret());
  const passcode = await readOrMake(join(options.folder, 'passcode'), newPasscode);
  const cookieKey = await readOrMake(join(options.folder, 'cookie-key'), () => newSecret());
  const store = new IdentityStore(join(options.folder, 'sessions.json'));
  let handle: ReturnType<Provider['callback']> | undefined;
  const server = createServer((request, response) => {
    if (request.url?.startsWith(signInPath(''))) void answerSignIn(provider, passcode, request, response);
    else void handle?.(request, response);
  });
  server.listen(options.port, loopback);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port');
  const issuer = `http://${loopback}:${address.port}`;
  const provider = new Provider(issuer, configure({ key, cookieKey, agentSecret, store }));
  handle = provider.callback();

  const publicKeys = createLocalJWKSet({ keys: [withoutSecret(key)] } satisfies JSONWebKeySet);
  const verify = async (token: string) => {
    const result = await jwtVerify(token, publicKeys, { issuer, audience }).catch(() => undefined);
    return findPerson(result?.payload.sub)?.subject;
  };
  const mint: TokenMint = async (clientId, subject) => {
    const client = await provider.Client.find(clientId);
    if (client === undefined) throw new TypeError(`no client ${clientId}`);
    const token = new provider.AccessToken({
      accountId: subject,
      client,
      scope: 'connect',
      grantId: newSecret(),
      gty: 'mint',
      expiresIn: mintedTokenSeconds,
      resourceServer: new provider.ResourceServer(resource, resourceServer),
    });
    return { token: await token.save(), expiresIn: mintedTokenSeconds };
  };
  registerTokenExchange(provider, verify, mint);
  return {
    issuer,
    jwksUri: `${issuer}/jwks`,
    agentSecret,
    passcode,
    tokenFor: async who => {
      const subject = who === 'agent' ? agent.actsFor.subject : who;
      return (await mint(who === 'agent' ? agent.subject : commandLineClient, subject)).token;
    },
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
      store.save();
    },
  };
}

/** Eight letters and digits that are not mistaken for one another, in two groups. */
function newPasscode(): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
  const letters = Array.from(randomBytes(8), byte => alphabet[byte % alphabet.length]).join('');
  return `${letters.slice(0, 4)}-${letters.slice(4)}`;
}

const resourceServer = {
  audience,
  scope: 'connect',
  accessTokenFormat: 'jwt' as const,
  accessTokenTTL: browserTokenSeconds,
  jwt: { sign: { alg: signatureAlgorithm } as const },
};

interface Secrets {
  readonly key: JWK;
  readonly cookieKey: string;
  readonly store: IdentityStore;
  readonly agentSecret: string;
}

function configure({ key, cookieKey, agentSecret, store }: Secrets): Configuration {
  // Nobody is asked for consent: the clients are ours.
  const policy = interactionPolicy.base();
  policy.remove('consent');
  return {
    adapter: store.adapterFor as never,
    clients: clients(agentSecret),
    clientDefaults: { id_token_signed_response_alg: signatureAlgorithm },
    jwks: { keys: [key as never] },
    cookies: { keys: [cookieKey] },
    scopes: ['openid', 'email', 'offline_access', 'connect'],
    claims: { openid: ['sub'], email: ['email', 'email_verified', 'groups'] },
    ttl: {
      AccessToken: browserTokenSeconds,
      ClientCredentials: browserTokenSeconds,
      IdToken: browserTokenSeconds,
      Interaction: browserTokenSeconds,
      AuthorizationCode: 60,
      DeviceCode: 600,
      Grant: mintedTokenSeconds,
      Session: mintedTokenSeconds,
      RefreshToken: mintedTokenSeconds,
    },
    findAccount: (_context, subject) => {
      const person = findPerson(subject);
      return (
        person && {
          accountId: person.subject,
          claims: async () => ({
            sub: person.subject,
            email: person.email,
            email_verified: true,
            groups: [...person.groups],
          }),
        }
      );
    },
    extraTokenClaims: (_context, token) =>
      claimsOf(token.clientId, 'accountId' in token ? token.accountId : undefined),
    // Elsewhere offline_access outlives the session. A key is to hold while the session does.
    expiresWithSession: (_context, { clientId, scopes }) =>
      clientId === signInClient || !scopes.has('offline_access'),
    interactions: { policy, url: (_context, interaction) => signInPath(interaction.uid) },
    loadExistingGrant: async context => {
      const { client, session, provider } = context.oidc;
      // A second sign-in in the same browser goes with the first: the session knows one grant for each client, and
      // refuses the tokens of others.
      const known = client && session?.grantIdFor(client.clientId);
      const found = known === undefined ? undefined : await provider.Grant.find(known);
      if (found !== undefined) return found;
      const grant = new provider.Grant({
        ...(client && { clientId: client.clientId }),
        ...(session?.accountId && { accountId: session.accountId }),
      });
      grant.addOIDCScope('openid email offline_access connect');
      grant.addResourceScope(resource, 'connect');
      await grant.save();
      return grant;
    },
    features: {
      devInteractions: { enabled: false },
      deviceFlow: { enabled: true, ...devicePages },
      rpInitiatedLogout: { enabled: true, ...logoutPages },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => resource,
        getResourceServerInfo: () => resourceServer,
        useGrantedResource: () => true,
      },
    },
  };
}

function clients(agentSecret: string): ClientMetadata[] {
  return [
    {
      client_id: commandLineClient,
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      response_types: ['code'],
      // RFC 8252 section 7.3: on loopback, any port.
      redirect_uris: [`http://${loopback}/callback`],
    },
    {
      client_id: signInClient,
      client_name: 'Sallyport',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
      response_types: [],
      redirect_uris: [],
    },
    {
      client_id: agent.subject,
      client_secret: agentSecret,
      grant_types: ['client_credentials', tokenExchange],
      response_types: [],
      redirect_uris: [],
    },
  ];
}

/** What an access token says besides the registered claims. */
function claimsOf(clientId: string | undefined, subject: string | undefined) {
  const person = findPerson(subject);
  if (clientId === agent.subject) {
    const groups = [...agent.groups];
    return person === undefined ? { groups } : { email: person.email, groups, act: { sub: agent.subject } };
  }
  return person && { email: person.email, groups: [...person.groups] };
}

async function makeKey(): Promise<string> {
  const { privateKey } = await generateKeyPair(signatureAlgorithm, { extractable: true });
  const kid = newSecret(8);
  return JSON.stringify({ ...(await exportJWK(privateKey)), kid, alg: signatureAlgorithm, use: 'sig' });
}

function withoutSecret({ d: _, ...rest }: JWK): JWK {
  return rest;
}
