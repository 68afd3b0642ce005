import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder under the system's temporary folder, which goes away with the variable that holds it. */
export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
}

/** Others may pass through it to what they may read: servers run under an account of their own. */
export async function temporaryFolder(name: string): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), `sallyport-${name}-`));
  await chmod(path, 0o711);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
