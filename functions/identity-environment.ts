import { z } from 'zod';
import { secretText } from '#lib/aws/secret-value.ts';
import { makeSecretsClient, TargetSecrets } from '#lib/aws/secrets.ts';
import { SallyportError } from '#lib/errors.ts';
import { AuthorizationServer } from '#lib/identity/authorization-server.ts';
import { TokenVerifier } from '#lib/identity/token.ts';

const seconds = (least: number, most: number) => z.coerce.number().int().min(least).max(most);

const environment = z.object({
  SALLYPORT_OIDC_ISSUER: z.string().min(1),
  SALLYPORT_OIDC_AUDIENCE: z.string().min(1),
  SALLYPORT_OIDC_JWKS_URI: z.string().min(1).optional(),
  SALLYPORT_OIDC_CLIENT_ID: z.string().min(1),
  /** Name or ARN of a secret, JSON: `{"clientSecret": "…"}`. Absent: a public client. */
  SALLYPORT_OIDC_CLIENT_SECRET: z.string().min(1).optional(),
  /** What an access token for Sallyport takes at this provider. */
  SALLYPORT_OIDC_SCOPE: z.string().min(1).default('openid email'),
  /**
   * More of it to get a refresh token that ends with the session. At a provider whose offline tokens outlive the
   * session and which gives others unasked (Keycloak), leave it empty.
   */
  SALLYPORT_OIDC_SCOPE_KEYS: z.string().default('offline_access'),
  SALLYPORT_KEY_MAX_AGE_SECONDS: seconds(60, 30 * 24 * 3600).default(12 * 3600),
  SALLYPORT_KEY_CHECK_SECONDS: seconds(0, 3600).default(180),
});

/**
 * The identity provider that the environment names, for functions that sign people in there. Throws with every
 * mistake at once: the function then never starts.
 */
export function identityOf(env: Readonly<Record<string, string | undefined>>) {
  const { data, error } = environment.safeParse(env);
  if (error) throw new Error(`The function's environment is not complete:\n${z.prettifyError(error)}`);
  const issuer = data.SALLYPORT_OIDC_ISSUER;
  const secretName = data.SALLYPORT_OIDC_CLIENT_SECRET;
  const session = data.SALLYPORT_OIDC_SCOPE;
  const tokens = new TokenVerifier({
    issuer,
    audience: data.SALLYPORT_OIDC_AUDIENCE,
    jwksUri: data.SALLYPORT_OIDC_JWKS_URI,
  });
  return {
    provider: new AuthorizationServer({
      issuer,
      clientId: data.SALLYPORT_OIDC_CLIENT_ID,
      clientSecret: secretName === undefined ? undefined : clientSecret(secretName),
    }),
    verify: (token: string) => tokens.verify(token),
    scopes: { session, key: `${session} ${data.SALLYPORT_OIDC_SCOPE_KEYS}`.trim() },
    keyMaxAgeMs: data.SALLYPORT_KEY_MAX_AGE_SECONDS * 1000,
    keyCheckMs: data.SALLYPORT_KEY_CHECK_SECONDS * 1000,
  };
}

const secretForm = z.object({ clientSecret: secretText(4_096) });

function clientSecret(name: string) {
  const secrets = new TargetSecrets({ client: makeSecretsClient() });
  return async () => {
    try {
      return (await secrets.get(name, secretForm)).clientSecret;
    } catch (cause) {
      throw new SallyportError('controlPlaneUnavailable', 'The secret of our client cannot be read.', {
        cause,
      });
    }
  };
}
