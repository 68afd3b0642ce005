import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

const root = join(import.meta.dirname, '../../..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

test('the program that package.json names runs through a link from elsewhere, and tells its version', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-bin-'));
  try {
    const program = join(folder, 'sallyport');
    symlinkSync(join(root, manifest.bin.sallyport), program);

    expect(execFileSync(program, ['--version'], { cwd: folder, encoding: 'utf8' })).toBe(
      `${manifest.version}\n`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
