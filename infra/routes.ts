/**
 * The routes of the control plane's HTTP API: pure data, read by the deployment (API Gateway) and by the
 * embedded stack, so that both serve the same ones behind the same authorisers.
 */
export type RouteAuthorization =
  /** A token of the identity provider in `Authorization: Bearer`. */
  | 'jwt'
  /** A request signed with Signature Version 4 by a role that may call the route. */
  | 'iam'
  | 'none';

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** API Gateway's form: `/v1/sessions/{id}/kill`. */
  readonly path: `/${string}`;
  /** The folder below `functions/`. */
  readonly function: string;
  readonly auth: RouteAuthorization;
}

export const routes: readonly Route[] = [
  { method: 'POST', path: '/v1/lookup', function: 'policy-lookup', auth: 'iam' },
  { method: 'POST', path: '/v1/tickets', function: 'tickets', auth: 'jwt' },
  { method: 'POST', path: '/v1/tickets/redeem', function: 'tickets', auth: 'iam' },
  { method: 'POST', path: '/v1/logins', function: 'logins', auth: 'iam' },
  { method: 'POST', path: '/v1/logins/{id}', function: 'logins', auth: 'iam' },
  { method: 'POST', path: '/v1/keys', function: 'keys', auth: 'iam' },
  { method: 'POST', path: '/v1/keys/lookup', function: 'keys', auth: 'iam' },
  { method: 'GET', path: '/v1/keys', function: 'keys', auth: 'jwt' },
  // The fingerprint in base64url, as API Gateway decodes %2F before it looks for the route.
  { method: 'DELETE', path: '/v1/keys/{fingerprint}', function: 'keys', auth: 'jwt' },
  { method: 'GET', path: '/v1/sessions', function: 'sessions', auth: 'jwt' },
  { method: 'POST', path: '/v1/sessions/{id}/kill', function: 'sessions', auth: 'jwt' },
];
