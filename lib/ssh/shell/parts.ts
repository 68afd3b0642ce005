import { type Command, forEachChild, parse, type SyntaxNode } from 'unbash';
import { type Redirection, readShell, type SimpleCommand, UnreadShell } from '#lib/ssh/shell/reader.ts';
import { plainWord, type Word } from '#lib/ssh/shell/word.ts';

/** Nodes that are looked at; reading a word's parts parses them, so that this bounds the time as well. */
const maxNodes = 2000;
const maxDepth = 60;
const maxCommands = 200;

/**
 * Simple commands that can be made out in a text that `readShell` refuses, those in loops, functions and
 * substitutions too, as bash would read it. An aid to policies that forbid by name, and to people; the list may
 * be short of some, and says nothing of what else the text does. The parser's time grows with the square of some
 * texts' length: 4 KiB take it 50 ms at worst, and whoever calls sees to that.
 */
export function partsOf(text: string): SimpleCommand[] {
  const commands: SimpleCommand[] = [];
  let nodes = 0;
  const visit = (node: SyntaxNode, source: string, depth: number): void => {
    nodes += 1;
    if (nodes > maxNodes || depth > maxDepth || commands.length >= maxCommands) return;
    // Commands in backquotes have positions in a text of their own.
    const own = node.type === 'Script' ? (node.source ?? source) : source;
    if (node.type === 'Command') commands.push(simpleCommand(node, own));
    forEachChild(node, child => visit(child, own, depth + 1));
  };
  try {
    visit(parse(text), text, 0);
  } catch {
    // What it cannot parse at all has no parts to list.
  }
  return commands;
}

function simpleCommand({ name, prefix, suffix }: Command, source: string): SimpleCommand {
  const word = (node: { readonly pos: number; readonly end: number }) =>
    wordOf(source.slice(node.pos, node.end));
  const redirections: Redirection[] = [];
  for (const node of [...prefix, ...suffix]) {
    if (node.type !== 'Redirect' || node.target === undefined || node.operator.endsWith('&')) continue;
    const direction = node.operator.startsWith('<') ? 'in' : 'out';
    redirections.push({ direction, target: word(node.target) });
  }
  return {
    assignments: prefix.filter(node => node.type === 'Assignment').map(word),
    words: [
      ...(name === undefined ? [] : [word(name)]),
      ...suffix.filter(node => node.type === 'Word' || node.type === 'Assignment').map(word),
    ],
    redirections,
  };
}

/** A word as `readShell` reads it; as it stands, when only the shell knows what it is. */
function wordOf(source: string): Word {
  try {
    const [command, more] = readShell(`: ${source}`);
    const word = command?.words[1];
    if (word !== undefined && command?.words.length === 2 && more === undefined) return word;
  } catch (error) {
    if (!(error instanceof UnreadShell)) throw error;
  }
  return { ...plainWord(''), text: undefined, shown: source };
}
