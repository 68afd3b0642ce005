import { execFile } from 'node:child_process';
import { access, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A program and the environment that it needs. */
export interface Program {
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * A program of a Debian package: the installed one, or else the package unpacked under `folder`, not
 * installed, so that a bench leaves the machine as it found it. Downloads are kept under `cache`.
 *
 * @param packages the package that has /usr/sbin/NAME, and the libraries that a bare machine may lack
 * @throws Error with the way out when neither is to be had
 */
export async function debianProgram(
  name: string,
  packages: readonly string[],
  places: { readonly cache: string; readonly folder: string },
): Promise<Program> {
  const path = `/usr/sbin/${name}`;
  if (await exists(path)) return { command: path, env: {} };
  const downloads = join(places.cache, 'debian');
  await mkdir(downloads, { recursive: true });
  const unpacked = join(places.folder, name);
  try {
    for (const wanted of packages) {
      let file = await downloaded(downloads, wanted);
      if (file === undefined) {
        // As root apt downloads under an account that may not enter our folder.
        await run('apt-get', ['-qq', '-o', 'APT::Sandbox::User=', 'download', wanted], { cwd: downloads });
        file = await downloaded(downloads, wanted);
      }
      if (file === undefined) throw new Error(`apt-get gave no file for ${wanted}`);
      await run('dpkg', ['-x', join(downloads, file), unpacked]);
    }
  } catch (cause) {
    throw new Error(`there is no ${name}, and it cannot be fetched: apt-get install ${name}`, { cause });
  }
  const { stdout } = await run('dpkg', ['--print-architecture']);
  const triplet = { amd64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }[stdout.trim()];
  if (triplet === undefined) throw new Error(`no library folder is known for ${stdout.trim()}`);
  return { command: join(unpacked, path), env: { LD_LIBRARY_PATH: join(unpacked, 'usr/lib', triplet) } };
}

const downloaded = async (folder: string, name: string) =>
  (await readdir(folder)).find(file => file.startsWith(`${name}_`) && file.endsWith('.deb'));

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );
