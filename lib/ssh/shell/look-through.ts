import { type OptionForms, readOptions } from '#lib/ssh/shell/options.ts';
import type { Effect } from '#lib/ssh/shell/programs.ts';
import { reservedWords, type Word } from '#lib/ssh/shell/word.ts';

/** What a program that runs another one runs. */
export type Inner =
  /** A command: these words. `more`: it is given words that do not stand here. */
  | { readonly kind: 'command'; readonly words: readonly Word[]; readonly more?: true }
  /** A text that a shell reads. */
  | { readonly kind: 'text'; readonly text: string }
  /** Assignments stood before the command, so that names may mean something else to it. */
  | { readonly kind: 'assignments' }
  /** It does not say what; the reason, for people. */
  | { readonly kind: 'hidden'; readonly why: string };

interface Runner extends OptionForms {
  /** Operands before the command, such as timeout's duration. */
  readonly operands?: number;
  /** Words with a `=`, whatever stands before it, assign when they come before the command. */
  readonly assigns?: true;
}

/** Programs and keywords that run the command in their operands, as it stands. */
const runners: Readonly<Record<string, Runner>> = {
  env: {
    flags: 'i0v',
    values: 'u',
    long: ['ignore-environment', 'null'],
    longValues: ['unset'],
    // -i as well.
    other: /^-$/,
    assigns: true,
  },
  sudo: {
    flags: 'AbBEHknNPS',
    values: 'ugprtTC',
    long: [
      'askpass',
      'background',
      'preserve-env',
      'set-home',
      'non-interactive',
      'stdin',
      'reset-timestamp',
    ],
    longValues: ['user', 'group', 'prompt'],
    assigns: true,
  },
  doas: { flags: 'n', values: 'uC' },
  nohup: {},
  nice: { values: 'n', longValues: ['adjustment'], other: /^-\d+$/ },
  ionice: { flags: 't', values: 'cn' },
  timeout: {
    flags: 'v',
    values: 'ks',
    long: ['foreground', 'preserve-status', 'verbose'],
    longValues: ['kill-after', 'signal'],
    operands: 1,
  },
  time: { flags: 'p' },
  setsid: { flags: 'cfw', long: ['ctty', 'fork', 'wait'] },
  stdbuf: { values: 'ioe', longValues: ['input', 'output', 'error'] },
  // Not -a: some programs are another one under another name.
  exec: { flags: 'cl' },
  command: { flags: 'pvV' },
  builtin: {},
};

const shells = /^(sh|bash|dash|ash|ksh|mksh|zsh)$/;
const shellForms: OptionForms = {
  flags: 'ceulxvfh',
  values: 'o',
  long: ['login', 'norc', 'noprofile', 'posix'],
};
/** dash takes the rest of the word for the setting, bash for options of its own. */
const settingInWord = /^-[A-Za-z]*o./;
const shellSettings = /^(errexit|nounset|pipefail|xtrace|noglob|noclobber)$/;
const xargsForms: OptionForms = {
  flags: '0rtpx',
  values: 'nPLIdsEa',
  long: ['null', 'no-run-if-empty'],
  longValues: ['max-args', 'max-procs', 'delimiter', 'replace'],
};
const findRuns = /^-(exec|execdir|ok|okdir)$/;

/**
 * Assignments that change how a program speaks, and neither what it does nor what runs. In some character sets (GBK,
 * Big5) the second byte of a character may be a backslash or a bar, so that a shell reads other commands: of languages,
 * those in UTF-8 and the plain ones.
 */
const harmless = new RegExp(
  [
    /^(?:LANGUAGE|TERM|NO_COLOR|COLUMNS|LINES|DEBIAN_FRONTEND)=[\w.@:-]*$/,
    /^(?:LANG|LC_[A-Z]+)=(?:C|POSIX|(?:[Cc]|[a-z]{2,3}_[A-Z]{2})\.(?:UTF|utf)-?8(?:@[a-z]+)?|UTF-8)?$/,
  ]
    .map(({ source }) => source)
    .join('|'),
);

export function isHarmlessAssignment({ text, pattern }: Word): boolean {
  return text !== undefined && !pattern && harmless.test(text);
}

/** The same of a variable that a client sets before its program; git's client says what it speaks in one. */
export function isHarmlessVariable(name: string, value: string): boolean {
  return harmless.test(`${name}=${value}`) || /^GIT_PROTOCOL=version=\d$/.test(`${name}=${value}`);
}

/** What such a program does itself, with or without another one; undefined: it is none. */
export function effectOfRunner(
  name: string,
  words: readonly Word[],
  inner: readonly Inner[],
): Effect | undefined {
  // Of what find does, more than to run commands is known.
  if (name === 'find') return undefined;
  const runs = inner.length > 0;
  // It writes nohup.out.
  if (name === 'nohup') return 'writes';
  // Without a command, they change what they remember of people.
  if (name === 'sudo' || name === 'doas') return runs ? 'reads' : 'writes';
  if (Object.hasOwn(runners, name) || name === 'eval' || name === 'xargs') return 'reads';
  if (shells.test(name)) return runs || words.length === 1 ? 'reads' : 'unknown';
  return undefined;
}

/** What else runs when the program of this name is given these words, its own name the first. */
export function innerOf(name: string, words: readonly Word[]): readonly Inner[] {
  if (Object.hasOwn(runners, name)) return ofRunner(name, runners[name]!, words);
  if (shells.test(name)) return ofShell(name, words);
  if (name === 'eval') return ofEval(words);
  if (name === 'xargs') return ofXargs(words);
  if (name === 'find') return ofFind(words);
  return [];
}

const hidden = (why: string): Inner[] => [{ kind: 'hidden', why }];

function ofRunner(name: string, runner: Runner, words: readonly Word[]): readonly Inner[] {
  const read = readOptions(words, 1, runner);
  if (read === undefined) return hidden(`${name} has an option that is not known`);
  // `command -v NAME` only says what NAME is.
  if (name === 'command' && (read.names.has('v') || read.names.has('V'))) return [];
  let at = read.operands + (runner.operands ?? 0);
  // Of several files that the shell makes of one, the second would be the program.
  const skipped = words.slice(read.operands, at);
  if (skipped.some(({ text, pattern }) => text === undefined || pattern)) {
    return hidden(`${name} runs what the shell makes of a pattern`);
  }
  const inner: Inner[] = [];
  while (runner.assigns && words[at]?.text?.includes('=')) {
    if (!isHarmlessAssignment(words[at]!)) inner.push({ kind: 'assignments' });
    at += 1;
  }
  const rest = words.slice(at);
  // A keyword of bash and zsh, before all that may begin a command.
  if (name === 'time' && rest.length > 0 && isShells(rest[0]!)) return hidden('time is before no program');
  if (rest.length > 0) inner.push({ kind: 'command', words: rest });
  return inner;
}

/** Whether it may be a word of the shell, or an assignment. */
function isShells({ text }: Word): boolean {
  return text === undefined || reservedWords.has(text) || /^[A-Za-z_]\w*(\[.*\])?\+?=/.test(text);
}

function ofShell(name: string, words: readonly Word[]): readonly Inner[] {
  const read = readOptions(words, 1, shellForms);
  const options = words.slice(1, read?.operands);
  if (read === undefined || options.some(({ text }) => settingInWord.test(text ?? ''))) {
    return hidden(`${name} has an option that is not known`);
  }
  if (!read.values.every(({ value }) => shellSettings.test(value ?? ''))) {
    return hidden(`${name} has a setting that is not known`);
  }
  const operand = words[read.operands];
  // Options may be switched off, and a - ends them.
  if (/^[+-]/.test(operand?.text ?? '')) return hidden(`${name} has an option that is not known`);
  if (!read.names.has('c')) {
    // A file of commands is a program that is not known.
    return operand === undefined || operand.text === '-'
      ? hidden(`${name} runs what it reads on its input`)
      : [];
  }
  if (operand?.text === undefined || operand.pattern) return hidden(`${name} runs a text that is not known`);
  return [{ kind: 'text', text: operand.text }];
}

function ofEval(words: readonly Word[]): readonly Inner[] {
  const from = words[1]?.text === '--' ? 2 : 1;
  const texts = words.slice(from).map(({ text, pattern }) => (pattern ? undefined : text));
  if (texts.includes(undefined)) return hidden('eval runs a text that is not known');
  return [{ kind: 'text', text: texts.join(' ') }];
}

function ofXargs(words: readonly Word[]): readonly Inner[] {
  const read = readOptions(words, 1, xargsForms);
  if (read === undefined) return hidden('xargs has an option that is not known');
  const rest = words.slice(read.operands);
  return rest.length === 0 ? [] : [{ kind: 'command', words: rest, more: true }];
}

/** `find … -exec command … ;` and `… {} +`. */
function ofFind(words: readonly Word[]): readonly Inner[] {
  const inner: Inner[] = [];
  const ends = (at: number) =>
    words[at]?.text === ';' || (words[at]?.text === '+' && words[at - 1]?.text === '{}');
  for (let at = 1; at < words.length; at += 1) {
    if (!findRuns.test(words[at]!.text ?? '')) continue;
    let end = at + 1;
    while (end < words.length && !ends(end)) end += 1;
    if (end === words.length) return [...inner, ...hidden('find runs a command that does not end')];
    inner.push({ kind: 'command', words: words.slice(at + 1, end).map(found) });
    at = end;
  }
  return inner;
}

/** Where `{}` stands, find puts names of files, which nobody knows. */
function found(word: Word): Word {
  return word.text?.includes('{}') ? { ...word, text: undefined } : word;
}
