/** The sign-in page of the development identity provider: who are you? There are no passwords, so loopback only. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type Provider from 'oidc-provider';
import { page, pageHeaders } from './identity-page.ts';
import { findPerson, people } from './people.ts';

const maxFormBytes = 1024;

/** Where oidc-provider sends a browser that must sign in. */
export const signInPath = (uid: string) => `/sign-in/${uid}`;

/** Answers the requests for {@link signInPath}. */
export async function answerSignIn(provider: Provider, request: IncomingMessage, response: ServerResponse) {
  // Finds the interaction by the browser's cookie, and fails where there is none.
  const details = await provider.interactionDetails(request, response).catch(() => undefined);
  if (details === undefined) return reply(response, 400, '<p>This sign-in has ended. Begin again.</p>');
  if (request.method !== 'POST') return reply(response, 200, choices(details.uid));
  const person = findPerson((await readForm(request)).get('person') ?? undefined);
  if (person === undefined) return reply(response, 400, choices(details.uid));
  const result = { login: { accountId: person.subject, remember: false } };
  return provider.interactionFinished(request, response, result);
}

function choices(uid: string): string {
  const buttons = Object.values(people).map(
    ({ subject, email, about }) =>
      `<li><button name="person" value="${subject}">${email}</button> <small>${about}</small></li>`,
  );
  return `<form method="post" action="${signInPath(uid)}"><ul>${buttons.join('\n')}</ul></form>`;
}

function reply(response: ServerResponse, status: number, body: string) {
  response.writeHead(status, pageHeaders);
  response.end(page('Who are you?', body));
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  let body = '';
  for await (const chunk of request) {
    body += chunk;
    if (body.length > maxFormBytes) break;
  }
  return new URLSearchParams(body.slice(0, maxFormBytes));
}
