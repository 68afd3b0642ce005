import { FileDigest, type HoldBudget } from './file-digest.ts';
import type { FileRecord } from './port.ts';

/** What an OPEN or OPENDIR was admitted for. */
export interface Opening {
  /** As policy saw it. */
  readonly path: string;
  readonly directory: boolean;
  readonly reads: boolean;
  readonly writes: boolean;
  readonly appends: boolean;
  /** Policy wants the digest of what passes, and not what passes. */
  readonly hashed: boolean;
}

/** A file or directory between its OPEN and the answer to its CLOSE. */
export class OpenFile {
  readonly opening: Opening;
  readonly read: FileDigest;
  readonly written: FileDigest;
  /** READs and WRITEs that the server has not answered. */
  underWay = 0;

  constructor(opening: Opening, budget: HoldBudget) {
    this.opening = opening;
    this.read = new FileDigest(budget);
    this.written = new FileDigest(budget);
    if (opening.appends) this.written.spoil('it was appended to what was there');
  }

  get path(): string {
    return this.opening.path;
  }

  /** What went through it: one record for each direction that it was open for. */
  records(): FileRecord[] {
    const { path, directory, reads, writes } = this.opening;
    if (directory) return [];
    if (this.underWay > 0) {
      const why = 'not all that was asked for was answered';
      this.read.spoil(why);
      this.written.spoil(why);
    }
    const record = (direction: 'read' | 'write', digest: FileDigest): FileRecord => ({
      path,
      direction,
      bytes: digest.bytes,
      ...digest.end(),
    });
    return [
      ...(reads ? [record('read', this.read)] : []),
      ...(writes ? [record('write', this.written)] : []),
    ];
  }
}
