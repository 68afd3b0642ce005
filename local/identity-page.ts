/** How pages of the development identity provider look: plain, without scripts, in light and dark. */

const style = `
  :root { color-scheme: light dark; font-family: system-ui, sans-serif; line-height: 1.5 }
  body { max-width: 30rem; margin: 12vh auto 2rem; padding: 0 1.5rem }
  h1 { font-size: 1.4rem; font-weight: 600 }
  button, input[type=text] { font: inherit; padding: .55rem .9rem; border-radius: .4rem; border: 1px solid #8888 }
  button { cursor: pointer }
  button.go { background: #1d5fd1; border-color: #1d5fd1; color: #fff }
  input[type=text] { font-family: ui-monospace, monospace; letter-spacing: .1em; text-transform: uppercase }
  ul { list-style: none; padding: 0 }
  li { margin: .6rem 0 }
  li button { min-width: 16rem; text-align: left }
  small { opacity: .75 }
  .code { font: 600 2rem ui-monospace, monospace; letter-spacing: .08em; padding: .8rem; text-align: center;
    border: 1px solid #8888; border-radius: .4rem; margin: 1rem 0 }
  .wrong { border-left: 4px solid #c62828; padding-left: .8rem }`;

export const pageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
};

/** @param body HTML. */
export function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Development sign-in</title>
<style>${style}</style>
</head>
<body>
<h1>${title}</h1>
${body}
<p><small>Development identity provider: people have no passwords of their own here.</small></p>
</body>
</html>`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as HTML. */
export function html(text: string): string {
  return text.replace(/[&<>"']/g, character => entities[character] ?? '');
}
