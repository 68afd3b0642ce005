import { effectOfRunner, innerOf, isHarmlessAssignment } from '#lib/ssh/shell/look-through.ts';
import { partsOf } from '#lib/ssh/shell/parts.ts';
import { type Effect, effectOf, programOf } from '#lib/ssh/shell/programs.ts';
import { readShell, type SimpleCommand, UnreadShell } from '#lib/ssh/shell/reader.ts';
import { showCommand, type Word } from '#lib/ssh/shell/word.ts';

/** Objects of one line; policy is asked about each of them. */
export const maxObjects = 500;
/** Programs that run programs, and texts within texts. */
const maxDepth = 10;
/** Characters of all texts within texts, each read by itself. */
const maxCharacters = 128 << 10;
/** Characters of texts that are taken apart without being read; it takes long. */
const maxApart = 4 << 10;

/** Where nothing is kept, so that nothing is written. */
const nothing = '/dev/null';
/** bash opens connections by these names. */
const connection = /^\/dev\/(tcp|udp)\//;

/** Collects what a command line would do. */
export class Findings {
  readonly objects = new Set<string>();
  readonly functions = new Set<string>();
  statements = 0;
  writes = false;
  unknownCode = false;
  #characters = 0;
  #apart = 0;
  /** Why not all that runs can be told; the first reason. */
  opaque: string | undefined;
  readonly #terminal: boolean;

  /** @param terminal what it shows goes to a terminal */
  constructor(terminal: boolean) {
    this.#terminal = terminal;
  }

  /**
   * All simple commands of a text of the shell. Of a text that cannot be read, those that can be made out.
   *
   * @returns the commands; none of a text that cannot be read
   */
  text(text: string, depth = 0): readonly SimpleCommand[] {
    this.#characters += text.length;
    if (depth > maxDepth || this.#characters > maxCharacters) {
      this.hide('it nests too deeply');
      return [];
    }
    try {
      const commands = readShell(text);
      for (const command of commands) this.command(command, depth);
      return commands;
    } catch (error) {
      if (!(error instanceof UnreadShell)) throw error;
      this.hide(error.message);
    }
    this.#apart += text.length;
    if (this.#apart <= maxApart) for (const part of partsOf(text)) this.command(part, depth + 1);
    return [];
  }

  command({ assignments, words, redirections, ofGroup }: SimpleCommand, depth = 0): void {
    this.statements += 1;
    for (const { direction, target } of redirections) {
      this.#object(`${direction === 'in' ? '<' : '>'} ${target.shown}`);
      if (target.text === undefined) this.hide('a redirection goes where only the shell knows');
      else if (connection.test(target.text)) this.#take('unknown');
      else if (direction === 'out' && target.text !== nothing) this.writes = true;
    }
    if (assignments.length > 0) {
      this.#object([...assignments.map(({ shown }) => shown), ...shownOf(words)].join(' '));
      if (!assignments.every(isHarmlessAssignment)) this.#take('defines');
    }
    if (words.length > 0) this.#run(words, depth);
    // zsh runs a program of its own where there is none, which pages what it is given.
    else if (redirections.length > 0 && !ofGroup) this.#take('unknown');
  }

  /** Not all that runs can be told. */
  hide(why: string): void {
    this.opaque ??= why;
  }

  #run(words: readonly Word[], depth: number): void {
    if (depth > maxDepth) {
      this.hide('it nests too deeply');
      return;
    }
    this.#object(showCommand(words));
    const { text, pattern } = words[0]!;
    // What begins with - is an option of what runs this, and not known as one.
    if (text === undefined || pattern || text.startsWith('-')) {
      this.hide('only the shell knows what program it runs');
      return;
    }
    const { name, ofSystem } = programOf(text);
    this.functions.add(name);
    const inner = innerOf(name, words);
    this.#take(
      ofSystem ? (effectOfRunner(name, words, inner) ?? effectOf(name, words, this.#terminal)) : 'unknown',
    );
    for (const one of inner) {
      if (one.kind === 'hidden') this.hide(one.why);
      else if (one.kind === 'text') this.text(one.text, depth + 1);
      else if (one.kind === 'assignments') this.#take('defines');
      else {
        if (one.more) this.hide(`${name} adds words that do not stand here`);
        this.#run(one.words, depth + 1);
      }
    }
  }

  #take(effect: Effect): void {
    if (effect === 'reads') return;
    if (effect === 'interprets') this.hide('it runs code that is no command of the shell');
    if (effect !== 'writes') this.unknownCode = true;
    if (effect !== 'redefines') this.writes = true;
  }

  #object(object: string): void {
    if (this.objects.size < maxObjects) this.objects.add(object);
    else if (!this.objects.has(object)) this.hide(`it has more than ${maxObjects} commands`);
  }
}

function shownOf(words: readonly Word[]): string[] {
  return words.length === 0 ? [] : [showCommand(words)];
}
