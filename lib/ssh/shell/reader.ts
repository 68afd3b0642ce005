import { quotePart, quoteWord, reservedWords, type Word } from '#lib/ssh/shell/word.ts';

export interface Redirection {
  readonly direction: 'in' | 'out';
  readonly target: Word;
}

/** What runs one program: `NAME=value … program argument … <file >file`. Any part may be missing, not all. */
export interface SimpleCommand {
  readonly assignments: readonly Word[];
  readonly words: readonly Word[];
  readonly redirections: readonly Redirection[];
  /** There are redirections alone, and they are those of a group in parentheses. */
  readonly ofGroup?: true;
}

/** A text that is not of the part of the language that is read. The message says what is met, for people. */
export class UnreadShell extends Error {
  override readonly name = 'UnreadShell';
}

/**
 * Characters that a reader, a terminal or some shell takes for something else than they are: controls, formats
 * (writing direction among them), and blanks that are no blank.
 */
const unclear = /[^\P{Cc}\t\n]|[\p{Cf}\p{Zl}\p{Zp}]|[^\P{Zs} ]/u;
/** Simple commands of one text; a line that people or programs send has a few. */
const maxCommands = 1000;
const wordEnd = new Set(' \t\n;&|()<>');
const assignmentName = /^[A-Za-z_]\w*\+?=/;

/**
 * Reads the part of the shell language that every POSIX shell, bash and zsh read alike and that says literally
 * what runs: simple commands of words, quotes and file name patterns, redirections, pipelines, `&&`, `||`, `;`,
 * `&`, groups in parentheses and comments (POSIX.1-2024 XCU chapter 2). Returns every simple command, whatever
 * decides at run time whether it comes to run.
 *
 * Everything else is refused as a whole: expansions, substitutions, here-documents, control structures,
 * functions, and whatever two shells read in two ways.
 *
 * Known limits: shells of the csh family and fish are not read for what they are; what they read otherwise in
 * quotes is refused, the rest is not looked for. Aliases and functions that the login's own files define are
 * not known.
 *
 * @throws UnreadShell
 */
export function readShell(text: string): SimpleCommand[] {
  if (unclear.test(text)) throw new UnreadShell('it has characters that are not what they look like');
  return new Reader(text).read();
}

/** What may come next. */
type Expectation =
  /** A command, or the end of the text. */
  | 'commandOrEnd'
  /** A command: after `|`, `&&`, `||`, `!` and `(`. */
  | 'command'
  /** More of the command that has begun. */
  | 'more'
  /** Redirections, or an operator: after `)`. */
  | 'afterGroup';

class Reader {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  #expect: Expectation = 'commandOrEnd';
  #assignments: Word[] = [];
  #words: Word[] = [];
  #redirections: Redirection[] = [];
  readonly #commands: SimpleCommand[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  read(): SimpleCommand[] {
    for (;;) {
      this.#skipBlanks();
      const char = this.#text[this.#at];
      if (char === undefined) break;
      if (char === '\n') this.#newline();
      else if (char === ';' || char === '&' || char === '|') this.#operator(char);
      else if (char === '(') this.#open();
      else if (char === ')') this.#close();
      else if (char === '<' || char === '>') this.#redirection();
      else this.#wordOrDescriptor();
    }
    if (this.#expect === 'command') throw new UnreadShell('it ends where a command is due');
    if (this.#depth > 0) throw new UnreadShell('a parenthesis is not closed');
    this.#finish();
    return this.#commands;
  }

  #skipBlanks(): void {
    for (;;) {
      const char = this.#text[this.#at];
      if (char === ' ' || char === '\t') this.#at += 1;
      else if (char === '\\' && this.#text[this.#at + 1] === '\n') this.#continuation();
      else if (char === '#') this.#skipComment();
      else return;
    }
  }

  /** Shells join the lines before they look for words: behind a blank, nothing grows together by it. */
  #continuation(): void {
    if (!/[ \t\n]/.test(this.#text[this.#at - 1] ?? ' ')) {
      throw new UnreadShell('it has a line that goes on in the middle of a word or an operator');
    }
    this.#at += 2;
  }

  #skipComment(): void {
    const end = this.#text.indexOf('\n', this.#at);
    this.#at = end === -1 ? this.#text.length : end;
  }

  #newline(): void {
    this.#at += 1;
    // Where a command is due, it may come on a later line.
    if (this.#expect === 'command') return;
    this.#finish();
    this.#expect = 'commandOrEnd';
  }

  /**
   * What stands at {@link #at} means something to a shell, and may be the second half of a character where the shell
   * reads in another character set than UTF-8: GBK, Big5 and their kin have these bytes there.
   */
  #standsAlone(): void {
    if ((this.#text[this.#at - 1] ?? '') > '\x7f') {
      throw new UnreadShell(`shells read ${this.#text[this.#at]} behind a letter beyond ASCII differently`);
    }
  }

  #operator(char: string): void {
    if (char === '|') this.#standsAlone();
    const double = this.#text[this.#at + 1] === char;
    const next = this.#text[this.#at + (double ? 2 : 1)];
    if (char === ';' && double) throw new UnreadShell('it has a case');
    if ((char === '&' && !double && next === '>') || (char === '|' && !double && next === '&')) {
      throw new UnreadShell(`it has ${char}${next}, which shells read differently`);
    }
    if (this.#expect !== 'more' && this.#expect !== 'afterGroup') {
      throw new UnreadShell(`it has ${char} where a command is due`);
    }
    this.#at += double ? 2 : 1;
    this.#finish();
    this.#expect = char === ';' || (char === '&' && !double) ? 'commandOrEnd' : 'command';
  }

  #open(): void {
    if (this.#expect === 'more' || this.#expect === 'afterGroup' || this.#text[this.#at + 1] === '(') {
      throw new UnreadShell('it has a parenthesis that opens no group of commands');
    }
    this.#at += 1;
    this.#depth += 1;
    this.#expect = 'command';
  }

  #close(): void {
    if (this.#depth === 0 || this.#expect === 'command')
      throw new UnreadShell('a parenthesis closes nothing');
    this.#at += 1;
    this.#depth -= 1;
    this.#finish();
    this.#expect = 'afterGroup';
  }

  /** A command is complete. */
  #finish(): void {
    const [assignments, words, redirections] = [this.#assignments, this.#words, this.#redirections];
    if (assignments.length + words.length + redirections.length === 0) return;
    if (this.#commands.length === maxCommands) throw new UnreadShell('it has too many commands');
    const ofGroup = this.#expect === 'afterGroup' && { ofGroup: true as const };
    this.#commands.push({ assignments, words, redirections, ...ofGroup });
    this.#assignments = [];
    this.#words = [];
    this.#redirections = [];
  }

  #redirection(): void {
    const operator = /^(?:<<|<>|<&|<|>>|>\||>&|>)/.exec(this.#text.slice(this.#at, this.#at + 2))![0];
    if (operator === '<<') throw new UnreadShell('it has a here-document');
    this.#at += operator.length;
    if (this.#text[this.#at] === '(') throw new UnreadShell('it has a process substitution');
    this.#skipBlanksBeforeTarget();
    if (this.#expect !== 'afterGroup') this.#expect = 'more';
    if (operator.endsWith('&')) {
      const descriptor = /^(?:\d+|-)(?=[\s;&|()<>]|$)/.exec(this.#text.slice(this.#at, this.#at + 12))?.[0];
      if (descriptor === undefined)
        throw new UnreadShell(`it has ${operator} to something else than a number`);
      this.#at += descriptor.length;
      return;
    }
    const first = this.#text[this.#at];
    if (first === '!' || first === '#') throw new UnreadShell(`shells read >${first} differently`);
    const word = this.#word();
    if (word === undefined) throw new UnreadShell('a redirection goes nowhere');
    this.#redirections.push({ direction: operator.startsWith('<') ? 'in' : 'out', target: word });
    if (operator === '<>') this.#redirections.push({ direction: 'out', target: word });
  }

  #skipBlanksBeforeTarget(): void {
    while (this.#text[this.#at] === ' ' || this.#text[this.#at] === '\t') this.#at += 1;
  }

  #wordOrDescriptor(): void {
    const descriptor = /^\d+(?=[<>])/.exec(this.#text.slice(this.#at, this.#at + 12))?.[0];
    if (descriptor !== undefined) {
      // dash and zsh take only one digit for a descriptor.
      if (descriptor.length > 1) throw new UnreadShell('shells read a descriptor of two digits differently');
      this.#at += 1;
      return;
    }
    if (this.#expect === 'afterGroup') throw new UnreadShell('it has a word after a group of commands');
    const from = this.#at;
    const word = this.#word()!;
    const raw = this.#text.slice(from, this.#at);
    if (/^\d+$/.test(raw) && /[<>]/.test(this.#text[this.#at] ?? '')) {
      throw new UnreadShell('shells read a descriptor of two digits differently');
    }
    if (this.#words.length > 0) {
      this.#words.push(word);
      return;
    }
    if (raw === '!' && this.#expect !== 'more') {
      this.#expect = 'command';
      return;
    }
    if (reservedWords.has(raw)) throw new UnreadShell(`it has ${raw}`);
    this.#expect = 'more';
    const name = assignmentName.exec(raw)?.[0];
    if (name === undefined) this.#words.push(word);
    else this.#assignments.push({ ...word, shown: name + quotePart(word.text!.slice(name.length)) });
  }

  /** The word that begins here; undefined when none does. */
  #word(): Word | undefined {
    const text = this.#text;
    const from = this.#at;
    let value = '';
    let shown = '';
    let quoted = '';
    let pattern = false;
    const endQuoted = () => {
      shown += quotePart(quoted);
      value += quoted;
      quoted = '';
    };
    const tilde = this.#tilde();
    value += tilde;
    shown += tilde;
    for (;;) {
      const char = text[this.#at];
      if (char === undefined || wordEnd.has(char)) break;
      if (char === "'") quoted += this.#singleQuoted();
      else if (char === '"') quoted += this.#doubleQuoted();
      else if (char === '\\') quoted += this.#escaped();
      else {
        endQuoted();
        const bare = this.#bare(char, from);
        pattern ||= bare === '*' || bare === '?' || bare === '[';
        value += bare;
        shown += bare;
      }
    }
    if (this.#at === from) return undefined;
    endQuoted();
    const raw = text.slice(from, this.#at);
    // `[` is a program.
    if (raw === '[') pattern = false;
    if (/^=(?!=?$)/.test(raw)) throw new UnreadShell('shells read a word that begins with = differently');
    return { text: value, pattern, shown: pattern || tilde !== '' ? shown : quoteWord(value) };
  }

  /** `~` and a login at the start of a word: a home. Kept as it stands. */
  #tilde(): string {
    if (this.#text[this.#at] !== '~') return '';
    const [home] = /^~[\w.+-]*/.exec(this.#text.slice(this.#at, this.#at + 64))!;
    const after = this.#text[this.#at + home.length];
    if (after !== undefined && after !== '/' && !wordEnd.has(after)) {
      throw new UnreadShell('it has a ~ that is no home');
    }
    this.#at += home.length;
    return home;
  }

  #bare(char: string, from: number): string {
    if ('[]{}^~'.includes(char)) this.#standsAlone();
    if (char === '$' || char === '`') throw new UnreadShell(`it has ${char}, which the shell expands`);
    if (char === '{' || char === '}') {
      const both = this.#text.slice(this.#at, this.#at + 2);
      if (char === '{' && both === '{}') {
        this.#at += 2;
        return both;
      }
      throw new UnreadShell('it has braces');
    }
    if (char === '[' && this.#at === from && this.#text[this.#at + 1] === '[')
      throw new UnreadShell('it has [[');
    this.#at += 1;
    return char;
  }

  #singleQuoted(): string {
    const end = this.#text.indexOf("'", this.#at + 1);
    if (end === -1) throw new UnreadShell('a quote is not closed');
    const inside = this.#text.slice(this.#at + 1, end);
    if (inside.endsWith('\\') || inside.includes('\\\\')) {
      throw new UnreadShell('shells read a backslash in single quotes differently');
    }
    this.#at = end + 1;
    return inside;
  }

  #doubleQuoted(): string {
    let value = '';
    this.#at += 1;
    for (;;) {
      const char = this.#text[this.#at];
      if (char === undefined) throw new UnreadShell('a quote is not closed');
      if (char === '\\') this.#standsAlone();
      this.#at += 1;
      if (char === '"') return value;
      if (char === '$' || char === '`') throw new UnreadShell(`it has ${char}, which the shell expands`);
      if (char !== '\\') {
        value += char;
        continue;
      }
      const next = this.#text[this.#at];
      if (next === undefined) throw new UnreadShell('a quote is not closed');
      if (next === '\n' || '$`"\\'.includes(next)) {
        this.#at += 1;
        if (next !== '\n') value += next;
      } else value += char;
    }
  }

  #escaped(): string {
    this.#standsAlone();
    const point = this.#text.codePointAt(this.#at + 1);
    const char = point === undefined ? '' : String.fromCodePoint(point);
    if (char === '' || /[\p{L}\p{N}\n]/u.test(char)) {
      throw new UnreadShell('shells read a backslash before this character differently');
    }
    this.#at += 1 + char.length;
    return char;
  }
}
