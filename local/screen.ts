/** What `npm start` shows when everything serves: lines to paste. */
import { existsSync } from 'node:fs';
import { delimiter, join, relative } from 'node:path';
import { ownReadyFile } from './announce.ts';
import { agent, people } from './people.ts';
import type { ReadyFile } from './ready-file.ts';

export interface ScreenContext {
  readonly cwd: string;
  readonly path: string;
  readonly seconds: string;
  /** What there is to say about the sample SSH host. */
  readonly sshHost?: string | undefined;
}

/** Whose policy opens the shop; the others look after approvals and evidence. */
const clients = [people.dev, people.dba, agent];
const others = [people.approver, people.approver2, people.auditor];

export function renderScreen(ready: ReadyFile, context: ScreenContext): string {
  const short = (path: string) => shortest(path, context.cwd);
  const { postgres, ca } = ready.gateway;
  const folder = short(join(ready.paths.data, 'people'));
  const token = (who: string) => `$(cat ${quote(join(folder, who))})`;
  const here = short(ready.paths.data) === ready.paths.data ? '' : ', in this folder';
  const readyFile = ownReadyFile(ready.paths.data);
  const usual = readyFile === join(context.cwd, '.sallyport', 'ready.json');
  const lines = [
    '',
    `Sallyport is running (${context.seconds}). Everything listens on this machine only.`,
    '',
    `In another terminal${here}, once:`,
    ...(usual ? [] : [`  export SALLYPORT_READY_FILE=${quote(short(readyFile))}`]),
    `  export PGHOST=localhost PGPORT=${postgres.port} PGDATABASE=shop PGSSLMODE=verify-full PGSSLROOTCERT=${quote(short(ca))}`,
    '',
    'Then sign in; the password is an access token:',
    ...clients.map(({ subject, about }) => `  PGPASSWORD=${token(subject)} psql -U ${subject}   # ${about}`),
    `Tokens of ${others.map(({ subject }) => subject).join(', ')} are in ${folder} as well; as shipped, no policy opens a target to them.`,
    '',
    'Try as dev:',
    '  SELECT name, email FROM customers LIMIT 3;             -- a read',
    "  UPDATE orders SET status = 'paid' WHERE id = 7;        -- a write that policy lets through",
    "  UPDATE customers SET notes = '' WHERE id = 1;          -- a write that is refused",
    '  DELETE FROM orders;                                    -- refused: no WHERE',
    '',
    ...sshLines(ready, context),
    'See what was recorded, and end a session that is open:',
    '  npm run -s sallyport -- sessions',
    '  npm run -s sallyport -- replay ID',
    '  npm run -s sallyport -- sessions --live --as dba',
    '  npm run -s sallyport -- kill ID --as dba --reason "wrong table"',
    '',
    `Policies, targets and masks are in ${short(ready.paths.config)}; what you save there takes effect at once.`,
    `Data and logs stay in ${short(ready.paths.data)}. Ctrl-C ends everything.`,
  ];
  if (!hasProgram('psql', context.path)) {
    lines.push(
      '',
      'There is no psql here. Debian, Ubuntu: apt-get install postgresql-client; macOS: brew install libpq.',
    );
  }
  return `${lines.join('\n')}\n`;
}

/** How to get to the sample SSH host, and how the gateway is known to be it. */
function sshLines(ready: ReadyFile, { cwd, sshHost }: ScreenContext): string[] {
  const { ssh } = ready.gateway;
  if (ssh === undefined) return [];
  const host = ready.targets['web-1'];
  const known = `-o UserKnownHostsFile=${quote(shortest(ssh.knownHostsFile, cwd))}`;
  const at = `web-1@${ssh.host}`;
  const token = shortest(join(ready.paths.data, 'people', 'dba'), cwd);
  const ways = [
    `SSH: the user name is the target. The first time it shows an address and a code; the page asks for the word ${ready.identity.passcode}. Then your key is enough.`,
    `  ssh -p ${ssh.port} ${known} ${at}`,
    `  sftp -P ${ssh.port} ${known} ${at}`,
    `Or with a token as the password, as in ${token}: add -o PreferredAuthentications=password`,
  ];
  return [
    ...(host === undefined ? [] : ways),
    ...(sshHost === undefined ? [] : [`web-1: ${sshHost}.`]),
    'For known_hosts of other machines, and for a signed DNS zone:',
    `  ${ssh.authority}`,
    ...ssh.sshfp.map(record => `  ${record}`),
    '',
  ];
}

/** The path as it is typed with the fewest letters. */
function shortest(path: string, cwd: string): string {
  const beside = relative(cwd, path);
  return beside.startsWith('..') || beside === '' ? path : beside;
}

/** For a POSIX shell. */
export const quote = (text: string) =>
  /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

const hasProgram = (name: string, path: string) =>
  path.split(delimiter).some(folder => folder !== '' && existsSync(join(folder, name)));
