/**
 * OAuth 2.0 Token Exchange (RFC 8693), as far as an agent needs it: the agent shows a person's access token and
 * gets one that says who acts (`act`) and for whom (`sub`).
 */
import type Provider from 'oidc-provider';
import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import type { TokenMint } from './identity-provider.ts';

export const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';

/**
 * @param verify gives the subject of a valid access token of this provider, else undefined
 * @param mint makes the agent's token for a subject
 */
export function registerTokenExchange(
  provider: Provider,
  verify: (token: string) => Promise<string | undefined>,
  mint: TokenMint,
): void {
  const answer = async (context: KoaContextWithOIDC) => {
    const { client, params } = context.oidc;
    const subjectToken = params?.['subject_token'];
    if (client === undefined || typeof subjectToken !== 'string') {
      throw new errors.InvalidRequest('subject_token is missing');
    }
    if (params?.['subject_token_type'] !== accessTokenType) {
      throw new errors.InvalidRequest(`subject_token_type must be ${accessTokenType}`);
    }
    const subject = await verify(subjectToken);
    if (subject === undefined) throw new errors.InvalidGrant('subject_token is not a valid access token');
    const { token, expiresIn } = await mint(client.clientId, subject);
    context.body = {
      access_token: token,
      issued_token_type: accessTokenType,
      token_type: 'Bearer',
      expires_in: expiresIn,
    };
  };
  const parameters = ['subject_token', 'subject_token_type', 'requested_token_type', 'audience'];
  provider.registerGrantType(tokenExchange, answer, parameters);
}
