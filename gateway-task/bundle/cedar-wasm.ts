import { copyFile, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Plugin } from 'esbuild';

const require = createRequire(import.meta.url);
const code = 'cedar_wasm_bg.wasm';

/**
 * Lets Cedar live in a bundle: one ESM file with its WebAssembly beside it. The package's build for Node.js is
 * CommonJS that asks for `require` and `__dirname` while it runs, which a bundle in ESM has not.
 */
export const cedarWasm: Plugin = {
  name: 'cedar-wasm',
  setup(build) {
    const { outfile, outdir, format } = build.initialOptions;
    const folder = outdir ?? (outfile && dirname(outfile));
    if (folder === undefined || format !== 'esm') {
      throw new TypeError('cedar-wasm is bundled with format "esm" and an outfile or outdir');
    }

    build.onLoad({ filter: /[/\\]cedar-wasm[/\\]nodejs[/\\]cedar_wasm\.js$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const names = Array.from(source.matchAll(/^exports\.(\w+) = \1;$/gm), ([, name]) => name);
      return {
        contents: `
          import { createRequire } from 'node:module';
          const require = createRequire(import.meta.url);
          const __dirname = import.meta.dirname;
          const exports = {};
          ${source}
          export { ${names.join(', ')} };`,
        loader: 'js',
      };
    });

    build.onEnd(async ({ errors }) => {
      if (errors.length > 0) return;
      const home = dirname(require.resolve('@cedar-policy/cedar-wasm/nodejs'));
      await copyFile(join(home, code), join(folder, code));
    });
  },
};
