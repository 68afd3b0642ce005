import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ProgramEnd, type ProgramOptions, run } from '../../harness/program.ts';
import {
  type PersonName,
  startTestStack,
  type TestStack,
  type TestStackOptions,
} from '../support/test-stack.ts';
import { recordingsOf, type SshRecording } from './ssh-recording.ts';

const sallyport = fileURLToPath(new URL('../../../cli/main.ts', import.meta.url));

/** Settings of ssh_config(5) by name. */
export type SshSettings = Readonly<Record<string, string>>;

/** A test stack as stock SSH clients see it. */
export interface SshStack extends Pick<TestStack, 'stack' | 'folder' | 'stop'> {
  /**
   * A folder that the account on the target can write, which the test sees under the same path. Below /tmp, where
   * the shipped policies let developers write.
   */
  readonly place: string;
  /** A file for `-F`: whatever host is the gateway, and there the target web-1, by a password. */
  settings(changes?: SshSettings): Promise<string>;
  /** What the settings need beside them: where the credential is taken from. */
  env(credential: string): Record<string, string>;
  /** Debian's ssh to `gw` with these arguments behind the host's name. */
  ssh(person: PersonName, command: readonly string[], options?: SshOptions): Promise<ProgramEnd>;
  /** Another stock program: `program -F settings ...args`. */
  stock(
    person: PersonName,
    program: string,
    args: readonly string[],
    options?: SshOptions,
  ): Promise<ProgramEnd>;
  /** `sallyport ...args` as a person. */
  cli(person: PersonName, ...args: readonly string[]): Promise<ProgramEnd>;
  /** Runs something, and reads what was recorded of it. */
  recorded<T>(
    action: () => Promise<T>,
    count?: number,
  ): Promise<{ readonly value: T; readonly recordings: readonly SshRecording[] }>;
  /** The same of one session. */
  recordedOne<T>(action: () => Promise<T>): Promise<{ readonly value: T; readonly recording: SshRecording }>;
  /** Runs something that opens no session, which is an error if it does. */
  unrecorded<T>(action: () => Promise<T>): Promise<T>;
}

export interface SshOptions extends ProgramOptions {
  readonly settings?: SshSettings;
  /** Arguments before the host's name. */
  readonly before?: readonly string[];
  /** Instead of the person's token. */
  readonly credential?: string;
}

export async function startSshStack(options: TestStackOptions = {}): Promise<SshStack> {
  const base = await startTestStack(options);
  const place = join(base.folder, 'place');
  await mkdir(place);
  await chmod(place, 0o777);
  const askpass = join(base.folder, 'askpass');
  await writeFile(askpass, `#!/bin/sh\nprintf '%s\\n' "$SSH_CREDENTIAL"\n`, { mode: 0o755 });
  const { gateway, paths, people, control } = base.stack.ready;
  const { port, host, knownHostsFile } = gateway.ssh!;

  let files = 0;
  const settings = async (changes: SshSettings = {}) => {
    files += 1;
    const file = join(base.folder, `ssh-config-${files}`);
    const all: Record<string, string> = {
      HostName: host,
      Port: String(port),
      User: 'web-1',
      UserKnownHostsFile: knownHostsFile,
      GlobalKnownHostsFile: '/dev/null',
      StrictHostKeyChecking: 'yes',
      PreferredAuthentications: 'password',
      NumberOfPasswordPrompts: '1',
      IdentityFile: 'none',
      IdentityAgent: 'none',
      ...changes,
    };
    const lines = Object.entries(all).map(([name, value]) => `  ${name} ${value}`);
    await writeFile(file, `Host *\n${lines.join('\n')}\n`);
    return file;
  };
  const env = (credential: string) => ({
    SSH_ASKPASS: askpass,
    SSH_ASKPASS_REQUIRE: 'force',
    SSH_CREDENTIAL: credential,
  });
  const stock: SshStack['stock'] = async (person, program, args, given = {}) =>
    run(program, ['-F', await settings(given.settings), ...args], {
      ...given,
      env: { ...env(given.credential ?? people[person]!.token), ...given.env },
    });
  const recorded: SshStack['recorded'] = (action, count) => recordingsOf(paths.recordings, action, count);
  return {
    stack: base.stack,
    folder: base.folder,
    stop: base.stop,
    place,
    settings,
    env,
    stock,
    ssh: (person, command, given = {}) =>
      stock(person, 'ssh', [...(given.before ?? []), 'gw', ...command], given),
    cli: (person, ...args) =>
      run(process.execPath, ['--disable-warning=ExperimentalWarning', sallyport, ...args], {
        env: { SALLYPORT_URL: control.url, SALLYPORT_TOKEN: people[person]!.token },
      }),
    recorded,
    recordedOne: async action => {
      const { value, recordings } = await recorded(action);
      const [recording] = recordings;
      if (recording === undefined || recordings.length !== 1)
        throw new Error(`${recordings.length} sessions were recorded instead of one`);
      return { value, recording };
    },
    unrecorded: async action => {
      // A session behind it, so that there is something to wait for.
      const { value, recordings } = await recorded(async () => {
        const value = await action();
        await stock('dba', 'ssh', ['gw', 'true']);
        return value;
      });
      if (recordings.length !== 1) throw new Error(`${recordings.length - 1} sessions were recorded`);
      return value;
    },
  };
}
