import { mayBeOption, readOptions } from '#lib/ssh/shell/options.ts';
import { programOf } from '#lib/ssh/shell/programs.ts';
import type { Word } from '#lib/ssh/shell/word.ts';

/** Seen from the target: `to` writes files there, `from` reads them. */
export type Direction = 'to' | 'from';

/** A path of a transfer. */
export interface TransferPath {
  /** Quotes removed. */
  readonly path: string;
  /** The shell makes names of files of it (`*.log`), or a home (`~/x`); else it is the path as it is opened. */
  readonly expands: boolean;
}

/** `scp -t` and `scp -f`: the old protocol of scp, as its clients ask for it with -O. */
export interface ScpLegacy {
  readonly direction: Direction;
  /** One when `to`; one or more when `from`. */
  readonly paths: readonly TransferPath[];
  /** -r */
  readonly recursive: boolean;
  /** -p: times and modes are sent. */
  readonly preserve: boolean;
  /** -d: the target must be a directory. */
  readonly directory: boolean;
}

/** A line that starts an SFTP server, wherever it is kept: as clients do that are told to with `sftp -s`. */
export interface SftpServer {
  readonly program: string;
  readonly arguments: readonly string[];
}

/** `rsync --server`. What it transfers is in its own protocol. */
export interface RsyncServer {
  readonly direction: Direction;
  /** The options, such as `-logDtpre.iLsfxCIvu`. */
  readonly options: readonly string[];
  readonly paths: readonly TransferPath[];
}

/** What `git fetch`, `git push` and `git archive --remote` run. */
export interface GitLine {
  readonly service: (typeof gitServices)[number];
  readonly path: TransferPath;
}

export interface TransferLine {
  readonly scpLegacy?: ScpLegacy;
  readonly sftpServer?: SftpServer;
  readonly rsyncServer?: RsyncServer;
  readonly git?: GitLine;
}

const none: TransferLine = {};
const gitServices = ['upload-pack', 'receive-pack', 'upload-archive'] as const;

/** What a line of one simple command transfers, by the programs that are known for it. */
export function readTransfer(words: readonly Word[]): TransferLine {
  const program = words[0]?.text;
  if (program === undefined || words.some(({ text }) => text === undefined)) return none;
  const { name, ofSystem } = programOf(program);
  if (name === 'sftp-server' && !words.some(({ pattern }) => pattern)) {
    return { sftpServer: { program, arguments: words.slice(1).map(({ text }) => text!) } };
  }
  if (!ofSystem) return none;
  if (name === 'scp') return scpLine(words);
  if (name === 'rsync') return rsyncLine(words);
  if (name === 'git' || name.startsWith('git-')) return gitLine(name, words);
  return none;
}

function scpLine(words: readonly Word[]): TransferLine {
  // `scp -f *.log`: whatever the pattern makes, a source opens what it names in its protocol and runs nothing.
  const pattern = words.findIndex(word => word.pattern && mayBeOption(word.text!));
  const read = readOptions(pattern === -1 ? words : words.slice(0, pattern), 1, { flags: 'tfrpdvq' });
  if (read === undefined) return none;
  const { names, operands } = read;
  const paths = words.slice(operands).map(transferPath);
  const direction = names.has('t') ? 'to' : 'from';
  if (names.has('t') === names.has('f') || paths.length === 0) return none;
  if (direction === 'to' && (paths.length > 1 || pattern !== -1)) return none;
  const [recursive, preserve, directory] = [names.has('r'), names.has('p'), names.has('d')];
  return { scpLegacy: { direction, paths, recursive, preserve, directory } };
}

/** `rsync --server [--sender] option … . path …`, as rsync's clients write it. */
function rsyncLine(words: readonly Word[]): TransferLine {
  if (words[1]?.text !== '--server') return none;
  const sender = words[2]?.text === '--sender';
  const from = sender ? 3 : 2;
  const dot = words.findIndex(({ text }, index) => index >= from && !text!.startsWith('-'));
  if (dot === -1 || words[dot]!.text !== '.') return none;
  const options = words.slice(from, dot).map(({ text }) => text!);
  // Options are taken behind the dot as well.
  const behind = words.slice(dot + 1);
  if (behind.some(({ text, pattern }) => text!.startsWith('-') || (pattern && mayBeOption(text!))))
    return none;
  const paths = behind.map(transferPath);
  return { rsyncServer: { direction: sender ? 'from' : 'to', options, paths } };
}

function gitLine(name: string, words: readonly Word[]): TransferLine {
  const whole = name === 'git' ? `git-${words[1]?.text}` : name;
  const [path, more] = words.slice(name === 'git' ? 2 : 1);
  if (path === undefined || more !== undefined || path.text!.startsWith('-')) return none;
  if (path.pattern && mayBeOption(path.text!)) return none;
  const service = gitServices.find(one => whole === `git-${one}`);
  return service === undefined ? none : { git: { service, path: transferPath(path) } };
}

function transferPath({ text, pattern, shown }: Word): TransferPath {
  return { path: text!, expands: pattern || shown.startsWith('~') };
}

/**
 * Options of rsync that make it neither run a program nor open a file besides those that it transfers, and that
 * are all of them: `-s` has more come on the input. Of `-e`, a server is told what its client can, behind a dot.
 */
const plainRsyncOption = new RegExp(
  `^(-(?=.)[acdghiklmnopqrtuvxyzADEHIJKLNORSUWX]*(e\\.[A-Za-z]*)?|--(${[
    'numeric-ids|partial|inplace|from0|existing|ignore-existing|size-only|stats|remove-source-files',
    'delete(-(before|during|delay|after|excluded))?',
    '(timeout|bwlimit|log-format|max-size|min-size|compress-level|compress-choice|checksum-choice|block-size)=[\\w.%:+-]*',
  ].join('|')}))$`,
);

/** Whether a transfer changes nothing on the target; undefined when the line does not say that it only transfers. */
export function transferReads({ scpLegacy, rsyncServer, git }: TransferLine): boolean | undefined {
  if (scpLegacy !== undefined) return scpLegacy.direction === 'from';
  if (git !== undefined) return git.service !== 'receive-pack';
  if (rsyncServer === undefined) return undefined;
  const { direction, options } = rsyncServer;
  if (!options.every(option => plainRsyncOption.test(option))) return undefined;
  return direction === 'from' && !options.includes('--remove-source-files');
}
