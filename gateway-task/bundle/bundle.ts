/** Makes of the gateway task what is deployed: one file a process, compiled code beside it, no node_modules. */
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { cedarWasm } from './cedar-wasm.ts';
import { libpgQuery } from './libpg-query.ts';
import { ssh2 } from './ssh2.ts';

const source = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** CommonJS inside an ES module still expects these. */
export const banner = `import { createRequire as __makeRequire } from 'node:module';
const require = __makeRequire(import.meta.url);
const __dirname = import.meta.dirname;
const __filename = import.meta.filename;`;

/** Files of a built task. */
export interface GatewayBundle {
  readonly main: string;
}

/**
 * @param folder where the files go; made if it is not there
 * @throws what esbuild finds wrong, by file and line
 */
export async function bundleGateway(folder: string): Promise<GatewayBundle> {
  await mkdir(folder, { recursive: true });
  await build({
    entryPoints: { main: source('main.ts'), shipper: source('recording/shipper/main.ts') },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    sourcemap: 'linked',
    banner: { js: banner },
    plugins: [libpgQuery, cedarWasm, ssh2],
    logLevel: 'silent',
  });
  return { main: `${folder}/main.mjs` };
}
