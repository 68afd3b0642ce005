import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, loopback } from '#local/ports.ts';
import { ownAccount, type SshAccount, sshAccount } from '#local/ssh-account.ts';
import { certify, lineOf, prepareHostKeys, prepareKey } from '#local/ssh-keys.ts';
import { startSshd } from '#local/ssh-sshd.ts';
import { sshd } from '../../harness/tools.ts';

export interface TestSshdOptions {
  /** Authorities for users, as lines of a `.pub` file. */
  readonly userAuthorities?: readonly string[];
  /** Keys that get in by themselves, likewise. */
  readonly authorizedKeys?: readonly string[];
  /** Whether its host keys have certificates, for {@link TestSshd.host}, localhost and this name. Default: none. */
  readonly certifiedAs?: string;
  /** Lines of sshd_config(5), which go before others. */
  readonly settings?: readonly string[];
}

/** A real sshd for a test, that serves one account: the test run's own user, or under root one made for it. */
export interface TestSshd {
  readonly host: string;
  readonly port: number;
  /** The only login. */
  readonly user: string;
  /** Of that login; as root, nobody else may look into it. */
  readonly account: SshAccount;
  /** Public key lines. */
  readonly hostKeys: readonly string[];
  /** The line of the authority of its host certificates. */
  readonly hostAuthority: string;
  /** What it has logged (LogLevel VERBOSE). */
  log(): Promise<string>;
  stop(): Promise<void>;
}

/** @param folder a temporary folder of the test (temporary-folder.ts), which others may pass through */
export async function startTestSshd(folder: string, options: TestSshdOptions = {}): Promise<TestSshd> {
  const port = await freePort();
  const place = join(folder, `sshd-${port}`);
  await mkdir(place, { mode: 0o711 });
  const account = await accountIn(place);
  const hostKeys = await prepareHostKeys(join(place, 'keys'), 'test');
  const authority = await prepareKey(join(place, 'keys', 'authority'), 'ed25519', 'hosts');
  const { certifiedAs, authorizedKeys = [], userAuthorities = [] } = options;
  if (certifiedAs !== undefined) {
    const principals = [certifiedAs, loopback, 'localhost'];
    for (const key of hostKeys) {
      await certify(key, { kind: 'host', keyId: certifiedAs, principals }, authority.signer);
    }
  }
  const settings = [...(options.settings ?? [])];
  if (authorizedKeys.length > 0) {
    const file = join(place, 'authorized-keys');
    await writeFile(file, `${authorizedKeys.join('\n')}\n`, { mode: 0o644 });
    settings.push(`AuthorizedKeysFile ${file}`);
  }
  const logFile = join(place, 'sshd.log');
  const server = await startSshd({
    sshd,
    folder: join(place, 'server'),
    account,
    port,
    logFile,
    hostKeys,
    userAuthorities,
    settings,
  });
  return {
    host: loopback,
    port,
    user: account.name,
    account,
    hostKeys: hostKeys.map(({ signer }) => lineOf(signer)),
    hostAuthority: lineOf(authority.signer),
    log: () => readFile(logFile, 'utf8'),
    stop: server.stop,
  };
}

/** Under root in a container that may not make namespaces, there is only root. */
async function accountIn(place: string): Promise<SshAccount> {
  const account = await sshAccount(place);
  if (account.sshdProblem === undefined) return account;
  await mkdir('/run/sshd', { recursive: true });
  return ownAccount();
}
