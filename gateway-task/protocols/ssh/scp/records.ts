import { SshDataFault } from '#lib/ssh/data-types.ts';

/** What the side that has the files says before each: the lines of rcp, as OpenSSH's scp.c reads them. */
export type ScpRecord =
  /** `C0644 12 name`: a file of so many bytes follows. `D0755 0 name`: what follows lies in a directory. */
  | {
      readonly kind: 'file' | 'directory';
      readonly mode: string;
      readonly size: number;
      /** One character a byte. */
      readonly name: string;
    }
  /** `E`: the directory is at its end. */
  | { readonly kind: 'end' }
  /** `T1700000000 0 1700000000 0`: times of what comes next. */
  | { readonly kind: 'times' }
  /** 1 and a text: something could not be read; it goes on. */
  | { readonly kind: 'warning' }
  /** 2 and a text: it does not go on. */
  | { readonly kind: 'fatal' };

/** OpenSSH reads a line into 2,048 bytes, and what does not fit as the next one. */
export const maxLineBytes = 2_047;

/** Anything that OpenSSH might read in another way than it is read here is a fault. @param line with its line feed */
export function readRecord(line: Buffer): ScpRecord {
  if (line[0] === 1) return { kind: 'warning' };
  if (line[0] === 2) return { kind: 'fatal' };
  const text = line.toString('latin1', 0, line.length - 1);
  if (text === 'E') return { kind: 'end' };
  if (/^T\d{1,15} \d{1,6} \d{1,15} \d{1,6}$/.test(text)) return { kind: 'times' };
  const [, letter, mode, size, name] = /^([CD])([0-7]{4}) (\d{1,15}) ([^\0]+)$/.exec(text) ?? [];
  if (mode === undefined || size === undefined || name === undefined) {
    throw new SshDataFault('a line that scp does not have');
  }
  return { kind: letter === 'C' ? 'file' : 'directory', mode, size: Number(size), name };
}

/** A name with a path in it, which OpenSSH takes from nobody. */
export const isPlainName = (name: string): boolean => !name.includes('/') && name !== '.' && name !== '..';
