/** A browser without scripts: cookies by path, redirects, forms that are filled in and sent. */

export interface Page {
  readonly url: string;
  readonly status: number;
  readonly text: string;
}

interface Cookie {
  readonly value: string;
  readonly path: string;
}

export class Browser {
  readonly #cookies = new Map<string, Cookie>();

  /** Follows redirects up to the first address that is not on this origin, which is not asked. */
  async open(url: string, form?: Readonly<Record<string, string>>): Promise<Page> {
    const { origin } = new URL(url);
    let target = new URL(url);
    let body = form && new URLSearchParams(form);
    for (;;) {
      if (target.origin !== origin) return { url: target.href, status: 0, text: '' };
      const response = await fetch(target, {
        method: body === undefined ? 'GET' : 'POST',
        ...(body && { body }),
        headers: { accept: 'text/html', cookie: this.#cookiesFor(target) },
        redirect: 'manual',
      });
      body = undefined;
      for (const cookie of response.headers.getSetCookie()) this.#keep(cookie);
      const location = response.headers.get('location');
      if (location === null)
        return { url: target.href, status: response.status, text: await response.text() };
      target = new URL(location, target);
    }
  }

  /** Sends the one form of a page with its hidden fields, and what is pressed or typed. */
  async submit(page: Page, fields: Readonly<Record<string, string>> = {}): Promise<Page> {
    const action = /<form[^>]* action="([^"]*)"/.exec(page.text)?.[1];
    if (action === undefined) throw new Error(`there is no form on ${page.url}:\n${page.text}`);
    const hidden = page.text.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g);
    const filled = Object.fromEntries(Array.from(hidden, ([, name = '', value = '']) => [name, value]));
    return this.open(new URL(action, page.url).href, { ...filled, ...fields });
  }

  #keep(text: string): void {
    const [pair = '', ...attributes] = text.split(/;\s*/);
    const [name = '', value = ''] = pair.split('=');
    const path = attributes.find(each => /^path=/i.test(each))?.slice(5) ?? '/';
    const gone = value === '' || attributes.some(each => /^expires=.* 1970 /i.test(each));
    if (gone) this.#cookies.delete(`${path} ${name}`);
    else this.#cookies.set(`${path} ${name}`, { value, path });
  }

  #cookiesFor({ pathname }: URL): string {
    const sent = [...this.#cookies].filter(([, { path }]) => pathname.startsWith(path));
    return sent.map(([key, { value }]) => `${key.slice(key.indexOf(' ') + 1)}=${value}`).join('; ');
  }
}
