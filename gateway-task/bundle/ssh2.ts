import { copyFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Plugin } from 'esbuild';

const require = createRequire(import.meta.url);
const nativeHalf = 'sshcrypto.node';

/**
 * Lets ssh2 live in a bundle: one ESM file with the native half of its cryptography beside it. Where that half was
 * not built, ssh2 goes on in JavaScript, in the bundle as anywhere. The other package that it would use
 * where there is one, cpu-features, only chooses between ciphers, which Sallyport chooses itself.
 */
export const ssh2: Plugin = {
  name: 'ssh2',
  setup(build) {
    const { outfile, outdir, format } = build.initialOptions;
    const folder = outdir ?? (outfile && dirname(outfile));
    if (folder === undefined || format !== 'esm') {
      throw new TypeError('ssh2 is bundled with format "esm" and an outfile or outdir');
    }

    build.onResolve({ filter: /\/sshcrypto\.node$/ }, () => ({ path: nativeHalf, namespace: 'ssh2' }));
    build.onResolve({ filter: /^cpu-features$/ }, ({ path }) => ({ path, namespace: 'ssh2' }));
    // ssh2 asks for both inside `try`: what is not there must be an error as it runs.
    build.onLoad({ filter: /\.node$/, namespace: 'ssh2' }, () => ({
      // `require` is the bundle's own (bundle.ts), which begins beside the file.
      contents: `module.exports = require(__dirname + '/${nativeHalf}');`,
      loader: 'js',
    }));
    build.onLoad({ filter: /^cpu-features$/, namespace: 'ssh2' }, () => ({
      contents: "throw new Error('cpu-features is left out');",
      loader: 'js',
    }));

    build.onEnd(async ({ errors }) => {
      if (errors.length > 0) return;
      const built = join(
        dirname(require.resolve('ssh2')),
        'protocol',
        'crypto',
        'build',
        'Release',
        nativeHalf,
      );
      const place = join(folder, nativeHalf);
      await rm(place, { force: true });
      await copyFile(built, place).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
    });
  },
};
