/** The process of the shared stack. It ends when jest asks it to, or when jest is gone. */
import { writeFileSync } from 'node:fs';
import { writePrivateFile } from '#local/files.ts';
import { startStack } from '#local/stack.ts';
import { places } from './run-folder.ts';

const [folder = ''] = process.argv.slice(2);
const at = places(folder);
const jest = Number(process.env['SALLYPORT_TEST_JEST_PID']);
writeFileSync(at.pid, String(process.pid));

try {
  const stack = await startStack({ dataDir: at.data, onProgress: line => console.log(line) });
  let ending = false;
  const end = async () => {
    if (ending) return;
    ending = true;
    await stack.stop();
    process.exit(0);
  };
  process.on('SIGTERM', () => void end());
  setInterval(() => {
    try {
      process.kill(jest, 0);
    } catch {
      void end();
    }
  }, 1000);
  await writePrivateFile(at.ready, JSON.stringify(stack.ready));
} catch (error) {
  writeFileSync(at.failure, error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exit(1);
}
