import { tableName } from '../infra/tables.ts';
import { deployment } from './access-keys.ts';
import type { Role } from './aws/roles.ts';
import type { Aws } from './aws/server.ts';
import type { DataFolder } from './data-folder.ts';
import { audience, type IdentityProvider } from './identity-provider.ts';
import type { Pki } from './pki.ts';
import { loopback } from './ports.ts';
import type { Ports } from './stack-ports.ts';

export interface GatewayParts {
  readonly folder: DataFolder;
  readonly ports: Ports;
  readonly pki: Pki;
  readonly aws: Aws;
  readonly identity: IdentityProvider;
  readonly role: Role;
}

/** All that the gateway sees: nothing of the environment of whoever started the stack but PATH. */
export function gatewayEnvironment(parts: GatewayParts): Record<string, string> {
  const { folder, ports, pki, aws, identity, role } = parts;
  const certificate = pki.servers['gateway']!;
  return {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    TZ: 'UTC',
    NODE_ENV: 'production',
    // The sample target's certificate comes from the local authority, as a company's would from its own.
    NODE_EXTRA_CA_CERTS: pki.ca,
    SALLYPORT_LISTEN_POSTGRES: `${loopback}:${ports.postgres}`,
    SALLYPORT_LISTEN_HEALTH: `${loopback}:${ports.health}`,
    SALLYPORT_TLS_CERT: certificate.cert,
    SALLYPORT_TLS_KEY: certificate.key,
    SALLYPORT_CONTROL_URL: aws.apiUrl,
    SALLYPORT_OIDC_ISSUER: identity.issuer,
    SALLYPORT_OIDC_AUDIENCE: audience,
    SALLYPORT_OIDC_JWKS_URI: identity.jwksUri,
    SALLYPORT_SPOOL_DIR: folder.path('spool'),
    SALLYPORT_RECORDINGS_DIR: folder.path('recordings'),
    SALLYPORT_TABLE_SESSIONS: tableName(deployment, 'sessions'),
    AWS_REGION: aws.region,
    AWS_ENDPOINT_URL: aws.endpoint,
    AWS_ACCESS_KEY_ID: role.accessKeyId,
    AWS_SECRET_ACCESS_KEY: role.secretAccessKey,
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}
