import { copyFile, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Plugin } from 'esbuild';
import { majors } from '#lib/sql/grammar.ts';
import { wasmFile } from '#lib/sql/wasm-file.ts';

/**
 * Lets the grammars of lib/sql live in a bundle: one ESM file with `libpg-query-15.wasm` and its sisters beside
 * it. The emscripten loaders are CommonJS that asks for `require` and `__dirname` while it runs, which a
 * bundle in ESM has not; and all of them call their code `libpg-query.wasm`.
 */
export const libpgQuery: Plugin = {
  name: 'libpg-query',
  setup(build) {
    const { outfile, outdir, format } = build.initialOptions;
    const folder = outdir ?? (outfile && dirname(outfile));
    if (folder === undefined || format !== 'esm') {
      throw new TypeError('libpg-query is bundled with format "esm" and an outfile or outdir');
    }

    build.onLoad({ filter: /[/\\]libpg-query\.js$/ }, async ({ path }) => ({
      contents: `
        import { createRequire } from 'node:module';
        const module = { exports: {} };
        ((require, __dirname, __filename, module, exports) => {
        ${await readFile(path, 'utf8')}
        })(createRequire(import.meta.url), import.meta.dirname, import.meta.filename, module, module.exports);
        export default module.exports;`,
      loader: 'js',
    }));

    build.onLoad({ filter: /[/\\]lib[/\\]sql[/\\]wasm-file\.ts$/ }, () => ({
      contents:
        "export const wasmFile = major => new URL('./libpg-query-' + major + '.wasm', import.meta.url);",
      loader: 'js',
    }));

    build.onEnd(async ({ errors }) => {
      if (errors.length > 0) return;
      await Promise.all(
        majors.map(major => copyFile(wasmFile(major), join(folder, `libpg-query-${major}.wasm`))),
      );
    });
  },
};
