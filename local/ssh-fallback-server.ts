/**
 * The program of the fallback SSH host: `node ssh-fallback-server.ts SETTINGS.json`. It reads what root alone
 * may read, then gives root up for good before the first connection.
 */
import { readFileSync } from 'node:fs';
import ssh2, { type Connection, type PublicKeyAuthContext } from 'ssh2';
import { readCertificate } from '#lib/ssh/certificate.ts';
import { verifyCertificate } from '#lib/ssh/certificate-check.ts';
import { SshDataFault } from '#lib/ssh/data-types.ts';
import { readAuthorizedKeyLine } from '#lib/ssh/key-line.ts';
import type { SshPublicKey } from '#lib/ssh/public-key.ts';
import { loopback } from './ports.ts';
import { answerForwards } from './ssh-fallback-forwards.ts';
import { answerSession, endSessions } from './ssh-fallback-session.ts';

export interface FallbackSettings {
  readonly port: number;
  /** The only account. */
  readonly name: string;
  readonly home: string;
  readonly shell: string;
  readonly hostKeyFiles: readonly string[];
  /** Public key lines. */
  readonly userAuthorities: readonly string[];
  /** Who it becomes; undefined: it stays who it is. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
}

const signInWithinMs = 20_000;
const maxConnections = 200;

const settings = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as FallbackSettings;
const hostKeys = settings.hostKeyFiles.map(file => readFileSync(file));
const authorities = settings.userAuthorities.map(line => readAuthorizedKeyLine(line).key);
if (settings.owner !== undefined) {
  process.setgroups?.([]);
  process.setgid?.(settings.owner.gid);
  process.setuid?.(settings.owner.uid);
}
process.chdir(settings.home);

let connections = 0;
const server = new ssh2.Server({ hostKeys, ident: 'Sallyport-sample' }, connection => {
  connections += 1;
  connection.on('close', () => {
    connections -= 1;
  });
  // Whoever goes away in the middle is no news.
  connection.on('error', () => {});
  if (connections > maxConnections) return void connection.end();
  const late = setTimeout(() => connection.end(), signInWithinMs);
  connection.on('close', () => clearTimeout(late));
  connection.on('ready', () => clearTimeout(late));
  signIn(connection);
  connection.on('session', accept => answerSession(accept(), settings));
  answerForwards(connection);
});
server.listen(settings.port, loopback);

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    endSessions();
    process.exit(0);
  });
}

function signIn(connection: Connection): void {
  connection.on('authentication', context => {
    if (context.method === 'publickey' && context.username === settings.name && mayEnter(context)) {
      return context.accept();
    }
    context.reject(['publickey']);
  });
}

/** A certificate for the account by one of the authorities, and the signature of the key in it. */
function mayEnter({ key, blob, signature }: PublicKeyAuthContext): boolean {
  let held: SshPublicKey;
  try {
    const certificate = readCertificate(key.data);
    const use = { authorities, kind: 'user', principal: settings.name, now: Date.now() } as const;
    if (verifyCertificate(certificate, { ...use, sourceAddress: loopback }) !== undefined) return false;
    held = certificate.key;
  } catch (error) {
    if (error instanceof SshDataFault) return false;
    throw error;
  }
  // Without a signature the client only asks whether it would do.
  if (signature === undefined || blob === undefined) return true;
  return held.verify(blob, signature);
}
