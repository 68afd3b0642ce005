import { Argument, Command } from 'commander';
import { type Io, processIo } from '#cli/io.ts';

const shells = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof shells)[number];

/** A verb as a shell completes it. */
interface Verb {
  readonly name: string;
  readonly description: string;
  /** `revoke` of `keys`. */
  readonly subcommands: readonly string[];
  readonly options: readonly { readonly flag: string; readonly description: string }[];
}

/** `sallyport completion SHELL`: a script made from the verbs that `program` has. */
export function completionCommand(program: Command, io: Io = processIo): Command {
  return new Command('completion')
    .description('print a script that completes verbs and options in your shell')
    .addArgument(new Argument('<shell>', 'your shell').choices(shells))
    .addHelpText(
      'after',
      `
Examples:
  source <(sallyport completion bash)
  sallyport completion zsh > "\${fpath[1]}/_sallyport"
  sallyport completion fish > ~/.config/fish/completions/sallyport.fish

Exit codes: 0 printed, 2 the command was wrong.`,
    )
    .action((shell: Shell) => io.out(scripts[shell](program.commands.map(verb))));
}

function verb(command: Command): Verb {
  const options = command.options.map(({ long, short, description }) => ({
    flag: long ?? short ?? '',
    description,
  }));
  const subcommands = command.commands.map(each => each.name());
  return { name: command.name(), description: command.description(), subcommands, options };
}

const scripts: Record<Shell, (verbs: readonly Verb[]) => string> = { bash, zsh, fish };

function bash(verbs: readonly Verb[]): string {
  const cases = verbs.map(
    ({ name, subcommands, options }) =>
      `    ${name}) words="${[...subcommands, ...options.map(({ flag }) => flag), '--help'].join(' ')}" ;;`,
  );
  return `_sallyport() {
  local words
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
    *) words="${verbs.map(({ name }) => name).join(' ')}" ;;
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then words="${verbs.map(({ name }) => name).join(' ')}"; fi
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _sallyport sallyport
`;
}

function zsh(verbs: readonly Verb[]): string {
  const names = verbs.map(({ name, description }) => `    ${quoted(`${name}:${description}`)}`);
  const cases = verbs.map(({ name, subcommands, options }) => {
    const flags = options.map(({ flag, description }) =>
      quoted(`${flag}[${description.replace(/[[\]\\:]/g, '\\$&')}]`),
    );
    const rest = subcommands.length > 0 ? `'1:subcommand:(${subcommands.join(' ')})'` : "'*:file:_files'";
    return `    ${name}) _arguments ${[...flags, "'--help[show help]'", rest].join(' ')} ;;`;
  });
  return `#compdef sallyport
_sallyport() {
  local -a verbs=(
${names.join('\n')}
  )
  if (( CURRENT == 2 )); then _describe verb verbs; return; fi
  local verb=$words[2]
  shift words; (( CURRENT-- ))
  case $verb in
${cases.join('\n')}
  esac
}
if [ "$funcstack[1]" = "_sallyport" ]; then _sallyport "$@"; else compdef _sallyport sallyport; fi
`;
}

function fish(verbs: readonly Verb[]): string {
  const rows = verbs.flatMap(({ name, description, subcommands, options }) => [
    `complete -c sallyport -n __fish_use_subcommand -a ${name} -d ${quoted(description)}`,
    ...subcommands.map(word => `complete -c sallyport -n '__fish_seen_subcommand_from ${name}' -a ${word}`),
    ...options
      .filter(({ flag }) => flag.startsWith('--'))
      .map(
        ({ flag, description: what }) =>
          `complete -c sallyport -n '__fish_seen_subcommand_from ${name}' -l ${flag.slice(2)} -d ${quoted(what)}`,
      ),
  ]);
  return `${rows.join('\n')}\n`;
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
