/** Before all integration tests: a folder for what they share. The shared stack itself starts on demand. */

import { runFolderVariable } from './run-folder.ts';
import { temporaryFolder } from './temporary-folder.ts';

export default async function setup(): Promise<void> {
  const { path } = await temporaryFolder('tests');
  process.env[runFolderVariable] = path;
  process.env['SALLYPORT_TEST_JEST_PID'] = String(process.pid);
}
