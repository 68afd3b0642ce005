import { Browser, type Page } from './browser.ts';

/**
 * What a person does with the link of a sign-in at the development identity provider: opens it, sees the code,
 * confirms, and says who it is unless the browser has a session already.
 *
 * @returns the page that shows the code, and the last one.
 */
export async function signInByDevice(
  link: string,
  person: string,
  passcode: string,
  browser = new Browser(),
): Promise<{ readonly browser: Browser; readonly code: Page; readonly last: Page }> {
  const code = await browser.submit(await browser.open(link));
  const next = await browser.submit(code);
  const last = next.text.includes('name="person"') ? await browser.submit(next, { person, passcode }) : next;
  return { browser, code, last };
}

/** Refuses the sign-in of a link. */
export async function refuseDevice(link: string): Promise<Page> {
  const browser = new Browser();
  const code = await browser.submit(await browser.open(link));
  return browser.submit(code, { abort: 'yes' });
}

/** Ends the session that the browser has. */
export async function endSession(browser: Browser, issuer: string): Promise<Page> {
  const page = await browser.open(`${issuer}/session/end`);
  return browser.submit(page, { logout: 'yes' });
}
