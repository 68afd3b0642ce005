/**
 * The sign-in page of the development identity provider: who are you? People have no passwords of their own; whoever
 * can read this machine's terminal or the data folder knows the word that is asked for, and may be any of them.
 */
import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type Provider from 'oidc-provider';
import { page, pageHeaders } from './identity-page.ts';
import { findPerson, people } from './people.ts';

const maxFormBytes = 1024;

/** Where oidc-provider sends a browser that must sign in. */
export const signInPath = (uid: string) => `/sign-in/${uid}`;

/** Answers the requests for {@link signInPath}. */
export async function answerSignIn(
  provider: Provider,
  passcode: string,
  request: IncomingMessage,
  response: ServerResponse,
) {
  // Finds the interaction by the browser's cookie, and fails where there is none.
  const details = await provider.interactionDetails(request, response).catch(() => undefined);
  if (details === undefined) return reply(response, 400, '<p>This sign-in has ended. Begin again.</p>');
  if (request.method !== 'POST') return reply(response, 200, choices(details.uid));
  const form = await readForm(request);
  const person = findPerson(form.get('person') ?? undefined);
  if (person === undefined) return reply(response, 400, choices(details.uid));
  if (!isPasscode(form.get('passcode') ?? '', passcode)) {
    const wrong = '<p class="wrong">That is not the word that "npm start" shows.</p>';
    return reply(response, 403, wrong + choices(details.uid));
  }
  const result = { login: { accountId: person.subject, remember: false } };
  return provider.interactionFinished(request, response, result);
}

function choices(uid: string): string {
  const buttons = Object.values(people).map(
    ({ subject, email, about }) =>
      `<li><button name="person" value="${subject}">${email}</button> <small>${about}</small></li>`,
  );
  return `<form method="post" action="${signInPath(uid)}">
<p><label>The word that "npm start" shows:<br><input type="text" name="passcode" autocomplete="off" required autofocus></label></p>
<ul>${buttons.join('\n')}</ul></form>`;
}

/** Forty bits: nobody guesses them on loopback in the time that a stack runs. */
export function isPasscode(given: string, passcode: string): boolean {
  const plain = (text: string) => Buffer.from(text.toLowerCase().replace(/[^a-z2-7]/g, ''));
  const [one, other] = [plain(given), plain(passcode)];
  return one.length === other.length && timingSafeEqual(one, other);
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
