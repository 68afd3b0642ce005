import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(import.meta.url);

/** Where the grammar of a major version lies. In a bundle this file is replaced: see gateway-task/bundle. */
export function wasmFile(major: number): URL {
  return pathToFileURL(require.resolve(`pg${major}/wasm/libpg-query.wasm`));
}
