/**
 * Pages of the device authorization grant (RFC 8628): type the code, compare it and confirm, done; and the page
 * that ends the session. The forms that they show come from oidc-provider, and hold its token against forgery.
 */
import type { errors, KoaContextWithOIDC } from 'oidc-provider';
import { html, page, pageHeaders } from './identity-page.ts';
import { findPerson } from './people.ts';

function show(context: KoaContextWithOIDC, title: string, body: string): void {
  context.set(pageHeaders);
  context.body = page(title, body);
}

const emailOf = (context: KoaContextWithOIDC) => findPerson(context.oidc.session?.accountId)?.email;

const inWords: Readonly<Record<string, string>> = {
  NoCodeError: 'Type the code first.',
  NotFoundError: 'There is no such code. Look at your terminal again.',
  ExpiredError: 'The code has expired. Begin again in your terminal.',
  AlreadyUsedError: 'The code has been used. Begin again in your terminal.',
  AbortedError: 'The sign-in is refused. You can close this page.',
};

export const devicePages = {
  userCodeInputSource: async (
    context: KoaContextWithOIDC,
    form: string,
    _out?: unknown,
    error?: errors.OIDCProviderError | Error,
  ) => {
    const wrong = error && `<p class="wrong">${html(inWords[error.name] ?? 'That did not work.')}</p>`;
    if (error?.name === 'AbortedError') return show(context, 'Refused', wrong ?? '');
    const button = `<p><button class="go" form="op.deviceInputForm">Continue</button></p>`;
    show(
      context,
      'Sign in to Sallyport',
      `${wrong ?? ''}<p>The code that your terminal shows:</p>${form}${button}`,
    );
  },

  userCodeConfirmSource: async (
    context: KoaContextWithOIDC,
    form: string,
    _client: unknown,
    _deviceInfo: unknown,
    userCode: string,
  ) => {
    const email = emailOf(context);
    const who =
      email === undefined
        ? '<p>You say who you are on the next page.</p>'
        : `<p>You are signed in as <strong>${html(email)}</strong>. <a href="/session/end">Not you?</a></p>`;
    show(
      context,
      'Is this the code in your terminal?',
      `<p class="code">${html(userCode)}</p>
<p>Confirm only if you have just begun to connect yourself, and the codes are the same. If somebody else sent you this
link, refuse: they would act in your name.</p>
${who}
${form}
<p><button class="go" form="op.deviceConfirmForm">Confirm</button>
<button form="op.deviceConfirmForm" name="abort" value="yes">Refuse</button></p>`,
    );
  },

  successSource: async (context: KoaContextWithOIDC) => {
    const email = emailOf(context) ?? '';
    show(
      context,
      'You are signed in',
      `<p>Your terminal goes on as <strong>${html(email)}</strong>. You can close this page.</p>
<p>A key that you bound holds while this session lasts. <a href="/session/end">End the session</a></p>`,
    );
  },
};

export const logoutPages = {
  logoutSource: async (context: KoaContextWithOIDC, form: string) => {
    const email = emailOf(context) ?? '';
    show(
      context,
      'End the session?',
      `<p>You are signed in as <strong>${html(email)}</strong>. Keys that were bound in this session end with it.</p>
${form}
<p><button class="go" form="op.logoutForm" name="logout" value="yes">End the session</button></p>`,
    );
  },

  postLogoutSuccessSource: async (context: KoaContextWithOIDC) => {
    show(context, 'The session has ended', '<p>You can close this page.</p>');
  },
};
