/** Makes one file of a function, as the deployment does, so that what only works unbundled is found here. */
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { build } from 'esbuild';

/** CommonJS inside an ES module still expects these three. */
const banner = `import { createRequire as __createRequire } from 'node:module';
import { dirname as __pathOf } from 'node:path';
import { fileURLToPath as __fileOf } from 'node:url';
const require = __createRequire(import.meta.url);
const __filename = __fileOf(import.meta.url);
const __dirname = __pathOf(__filename);`;

/** WebAssembly is read at run time from beside the code: it goes along. */
async function copyWebAssembly(inputs: readonly string[], folder: string): Promise<void> {
  const folders = new Set(
    inputs.filter(input => input.includes('node_modules')).map(input => dirname(resolve(input))),
  );
  for (const source of folders) {
    const files = (await readdir(source)).filter(file => file.endsWith('.wasm'));
    for (const file of files) await copyFile(join(source, file), join(folder, file));
  }
}

/**
 * @param entry the handler's source.
 * @param folder where the bundle goes; made if it is not there.
 * @returns the path of the bundle.
 * @throws what esbuild finds wrong, by file and line.
 */
export async function bundleFunction(entry: string, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const outfile = join(folder, `${basename(entry).replace(/\.[^.]+$/, '')}.mjs`);
  const { metafile } = await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    sourcemap: 'inline',
    banner: { js: banner },
    metafile: true,
    logLevel: 'silent',
  });
  await copyWebAssembly(Object.keys(metafile.inputs), folder);
  return outfile;
}
