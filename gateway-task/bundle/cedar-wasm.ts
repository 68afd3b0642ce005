import { copyFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Plugin } from 'esbuild';

const require = createRequire(import.meta.url);

/** Puts Cedar's code beside the bundle, where its loader looks for it (`__dirname`). */
export const cedarWasm: Plugin = {
  name: 'cedar-wasm',
  setup(build) {
    const { outdir } = build.initialOptions;
    if (outdir === undefined) throw new TypeError('cedar-wasm needs an outdir');
    build.onEnd(async ({ errors }) => {
      if (errors.length > 0) return;
      const home = dirname(require.resolve('@cedar-policy/cedar-wasm/nodejs'));
      await copyFile(join(home, 'cedar_wasm_bg.wasm'), join(outdir, 'cedar_wasm_bg.wasm'));
    });
  },
};
