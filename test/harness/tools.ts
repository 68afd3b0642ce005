/**
 * The programs that tests need besides Node.js, and the Debian packages that have them. Missing ones are
 * installed where this user may do so; nothing is skipped for want of a program.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

interface Tool {
  readonly package: string;
  readonly there: () => boolean;
}

/** The one whose version the tests rely on: Debian 12's. */
export const postgresBin = '/usr/lib/postgresql/15/bin';
export const sshd = '/usr/sbin/sshd';
/** Debian's own, which sees Debian's modules; another one may come first on the path. */
export const debianPython = '/usr/bin/python3';

const file = (path: string) => () => existsSync(path);

const tools: readonly Tool[] = [
  { package: 'postgresql-client', there: file('/usr/bin/psql') },
  { package: 'postgresql-15', there: file(`${postgresBin}/postgres`) },
  { package: 'pgbouncer', there: file('/usr/sbin/pgbouncer') },
  {
    package: 'python3-psycopg2',
    there: () => spawnSync(debianPython, ['-c', 'import psycopg2']).status === 0,
  },
  { package: 'openssh-client', there: file('/usr/bin/ssh') },
  { package: 'openssh-server', there: file(sshd) },
  { package: 'openssh-sftp-server', there: file('/usr/lib/openssh/sftp-server') },
  { package: 'rsync', there: file('/usr/bin/rsync') },
  { package: 'git', there: file('/usr/bin/git') },
  {
    package: 'python3-paramiko',
    there: () => spawnSync(debianPython, ['-c', 'import paramiko']).status === 0,
  },
  { package: 'ansible-core', there: file('/usr/bin/ansible') },
  // What the faster half of SSH's cryptography is built with, as npm start does where they are.
  { package: 'make', there: file('/usr/bin/make') },
  { package: 'g++', there: file('/usr/bin/g++') },
  { package: 'openssl', there: file('/usr/bin/openssl') },
  { package: 'ca-certificates', there: file('/etc/ssl/certs/ca-certificates.crt') },
  { package: 'lsof', there: file('/usr/bin/lsof') },
];

/** What only the long form needs: a JDK is some 300 MB. */
const longTools: readonly Tool[] = [
  { package: 'openjdk-17-jdk-headless', there: () => spawnSync('javac', ['-version']).status === 0 },
  { package: 'libpostgresql-jdbc-java', there: file('/usr/share/java/postgresql.jar') },
];

/**
 * @param long also what the long form needs
 * @throws Error that says what is missing and how to get it
 */
export function ensureTools(say: (line: string) => void, long: boolean): void {
  const needed = long ? [...tools, ...longTools] : tools;
  const missing = missingPackages(needed);
  if (missing.length === 0) return;
  const byHand = `apt-get install --no-install-recommends ${missing.join(' ')}`;
  if (!existsSync('/usr/bin/apt-get')) {
    throw new Error(`the tests need programs that are not here, from Debian 12: ${byHand}`);
  }
  const root = process.getuid?.() === 0;
  if (!root && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status !== 0) {
    throw new Error(`the tests need programs that are not here; as root: apt-get update && ${byHand}`);
  }
  say(`Installing what the tests need: ${missing.join(' ')} ...`);
  const said = install(missing, root ? [] : ['sudo', '-n']);
  const still = missingPackages(needed);
  if (still.length > 0) {
    throw new Error(`${still.join(' ')} could not be installed:\n${said.slice(-3000)}\ntry: ${byHand}`);
  }
}

const missingPackages = (needed: readonly Tool[]) =>
  needed.filter(tool => !tool.there()).map(tool => tool.package);

/**
 * Keeps packages from starting their servers and from making a database cluster while they are installed
 * (https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt, pg_createcluster(1)).
 */
const installScript = `
policy=/usr/sbin/policy-rc.d
clusters=/etc/postgresql-common/createcluster.d
ours=
trap 'rm -f "$clusters/sallyport-tests.conf"; [ -z "$ours" ] || rm -f "$policy"' EXIT
if [ ! -e "$policy" ]; then
  ours=yes
  printf '#!/bin/sh\\nexit 101\\n' > "$policy"
  chmod 755 "$policy"
fi
mkdir -p "$clusters"
echo 'create_main_cluster = false' > "$clusters/sallyport-tests.conf"
export DEBIAN_FRONTEND=noninteractive
apt-get -qq -o DPkg::Lock::Timeout=120 update
apt-get -qq -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@"
`;

/** Installs packages and gives what apt said; whether they are there then is for the caller to see. */
function install(packages: readonly string[], before: readonly string[]): string {
  const [command = 'sh', ...args] = [...before, 'sh', '-c', installScript, 'sh', ...packages];
  const { stdout, stderr } = spawnSync(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    timeout: 600_000,
  });
  return `${stdout}${stderr}`;
}
