import { join } from 'node:path';

/** The variable that names the folder of a run, set by setup.ts before the first test. */
export const runFolderVariable = 'SALLYPORT_TEST_RUN_FOLDER';

/** What is in the folder of a run: the shared stack's files. */
export const places = (folder: string) => ({
  claim: join(folder, 'claimed'),
  data: join(folder, 'data'),
  ready: join(folder, 'ready.json'),
  failure: join(folder, 'failure'),
  log: join(folder, 'stack.log'),
  pid: join(folder, 'pid'),
});
