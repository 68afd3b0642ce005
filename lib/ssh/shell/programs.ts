import { hasOnly, mayBeOption, namesOf, type OptionForms, operandsOf } from '#lib/ssh/shell/options.ts';
import type { Word } from '#lib/ssh/shell/word.ts';

/** What a program can do, told the words it is given. */
export type Effect =
  /** Nothing but read: no file, no setting and no other process changes, and no other program runs. */
  | 'reads'
  /** Changes something, and runs no code of which nothing is known. */
  | 'writes'
  /** Changes what later words mean, such as where relative paths begin; changes nothing on the host. */
  | 'redefines'
  /** Changes what later names mean, or defines them. */
  | 'defines'
  /** Runs code that is text in its arguments, in a file or on its input, or lets a person run some. */
  | 'interprets'
  /** Nothing is known of it. */
  | 'unknown';

/** @param pages its output is a terminal, so that it may be handed to a pager, which runs programs */
type Rule = (words: readonly Word[], pages: boolean) => Effect;

const readers = `: true false echo pwd
  ls cat head tail tac nl od wc cut tr fold fmt expand unexpand paste join comm cmp rev seq
  grep egrep fgrep strings hexdump cksum sum md5sum b2sum sha1sum sha224sum sha256sum sha384sum sha512sum
  basename dirname readlink realpath stat df du
  id whoami groups logname who w users uname nproc tty uptime free pgrep pidof vmstat
  printenv locale getent which lsblk lscpu lsmod lsusb`;

const writers = `rm rmdir mv cp ln mkdir mknod mkfifo touch chmod chown chgrp dd tee truncate shred sync
  kill pkill killall service reboot shutdown poweroff halt mount umount swapon swapoff
  useradd userdel usermod groupadd groupdel passwd`;

const redefiners = 'cd chdir pushd popd';

const definers = `export alias unalias set unset shopt setopt unsetopt hash enable disable readonly declare typeset
  local read mapfile readarray getopts let umask ulimit bind complete autoload zmodload functions`;

const interpreters = `awk gawk mawk nawk ed ex vi vim view nvim emacs nano less more most man watch script expect
  psql mysql mariadb sqlite3 mongosh redis-cli gdb lldb osascript fish csh tcsh pwsh
  . source trap su runuser ssh sftp scp rsync slogin telnet nc ncat socat chroot nsenter unshare pkexec machinectl
  docker podman nerdctl kubectl crictl lxc systemd-run at batch crontab screen tmux parallel flock strace ltrace
  busybox toybox make`;

/** Programs that run a file of code when they are given one, and text or their input otherwise. */
const codeRunners = /^(python|perl|ruby|node|nodejs|php|lua|luajit|tclsh|Rscript|deno|bun|guile)[\d.]*$/;

const longOf = (names: string): string[] => names.split(' ');
const sortForms: OptionForms = {
  flags: 'bdfgiMhnRrVcCmsuz',
  values: 'ktS',
  long: longOf('ignore-case numeric-sort human-numeric-sort random-sort reverse version-sort unique check'),
  longValues: ['key', 'field-separator', 'buffer-size', 'parallel', 'sort'],
};
const uniqForms: OptionForms = { flags: 'cdDiuz', values: 'fsw', long: ['count', 'repeated', 'unique'] };
const dateForms: OptionForms = {
  flags: 'uR',
  values: 'dr',
  long: ['utc', 'universal', 'rfc-email'],
  longValues: ['date', 'reference'],
  other: /^(-I(date|hours|minutes|seconds|ns)?|--(iso-8601|rfc-3339)(=\w+)?)$/,
};
const fileForms: OptionForms = { flags: 'bhiLNrs0', long: ['brief', 'mime', 'mime-type', 'mime-encoding'] };
const hostnameForms: OptionForms = { flags: 'aAdfiIsy', long: ['fqdn', 'short', 'ip-address'] };
const diffForms: OptionForms = {
  flags: 'qsaiEbwBruNyet',
  values: 'UCWI',
  long: ['brief', 'ignore-case', 'ignore-all-space', 'recursive', 'unified'],
};
const baseForms: OptionForms = { flags: 'd', values: 'w', long: ['decode'], longValues: ['wrap'] };
const ssForms: OptionForms = { flags: 'hHOnraloempiTsEtuwx046' };
const netstatForms: OptionForms = { flags: 'rigsMvWneopalCFtuwx46' };
const journalForms: OptionForms = {
  flags: 'kxeafrqmb',
  values: 'uopgtSU',
  long: ['no-pager', 'no-full', 'dmesg', 'reverse', 'utc', 'quiet', 'all', 'no-hostname'],
  longValues: ['unit', 'output', 'priority', 'grep', 'since', 'until', 'identifier'],
  // The number is optional: a word after -n that is none is not its value.
  other: /^(-n\d*|--lines(=\d+)?)$/,
};

const systemctlForms: OptionForms = {
  flags: 'alqr',
  values: 'tpno',
  long: longOf('no-pager all full plain quiet no-legend reverse failed value'),
  longValues: ['type', 'state', 'property', 'output', 'lines'],
};
const systemctlReads =
  /^(?:status|show|cat|is-(?:active|enabled|failed)|list-(?:units|timers|sockets|unit-files|dependencies|jobs)|get-default)$/;
const dmesgForms: OptionForms = { flags: 'TtxkudeLPw', values: 'fl', long: longOf('ctime decode nopager') };
const ipOption = /^-(?:4|6|br|brief|s|stats|statistics|d|details|o|oneline|j|json|p|pretty|h|human)$/;
const ipObject = /^(?:a|addr|address|l|link|r|route|n|neigh|neighbour|ru|rule)$/;
const ipVerb = /^(?:show|list|ls|get)$/;

const readsIf = (condition: boolean, otherwise: Effect): Effect => (condition ? 'reads' : otherwise);
const options =
  (forms: OptionForms): Rule =>
  words =>
    readsIf(hasOnly(words, 1, forms), 'unknown');

/** Where a shell computes with what it is given, it may run what stands in there. */
const isLiteral = ({ text, pattern }: Word): boolean => text !== undefined && !pattern && !/[$`]/.test(text);
const isOperand = ({ text, pattern }: Word): boolean =>
  text !== undefined && !text.startsWith('-') && !(pattern && mayBeOption(text));

/** A number that is one to every shell. Of another word, some take the value of the variable, and compute that. */
const isDecimal = ({ text }: Word): boolean => /^-?\d+$/.test(text ?? '');
/** A format that prints its arguments: no `%n`, which assigns to a variable in bash. */
const printfFormat = /^(?!-)(?:[^%]|%[-+0-9.]*[sdiucxXo%])*$/;
const printfComputes = /%[-+0-9.]*[diuxXo]/;
const printfReads: Rule = ([, format, ...rest]) => {
  const text = format?.text;
  const known = text !== undefined && isLiteral(format!) && rest.every(isLiteral) && printfFormat.test(text);
  return readsIf(known && (!printfComputes.test(text) || rest.every(isDecimal)), 'unknown');
};

/** POSIX.1-2024 XCU test, and what shells added. Not -v and -R, which compute subscripts, nor zsh's. */
const testOperator = /^-(?:[abcdefghknoprsuwxzGLNOS]|nt|ot|ef)$/;
const testComputes = /^-(?:eq|ne|lt|le|gt|ge|t)$/;
const testReads: Rule = words =>
  readsIf(
    words.slice(1).every((word, index, rest) => {
      const text = word.text ?? '[';
      // A subscript is computed.
      if (!isLiteral(word) || text.includes('[')) return false;
      if (!testComputes.test(text))
        return !text.startsWith('-') || testOperator.test(text) || isDecimal(word);
      const operands = text === '-t' ? [rest[index + 1]] : [rest[index - 1], rest[index + 1]];
      return operands.every(operand => operand !== undefined && isDecimal(operand));
    }),
    'unknown',
  );
/**
 * Words of ps that show no environment of other programs, where secrets are: `e` of the BSD kind does, also where a word
 * that begins with a dash is none of the other kind (`-auxe`).
 */
const psWord =
  /^(?:-(?:e[fFljyHLMTw]*|[AfFljyHLMTw]+|auxw*|axw*)|[afjlruvwxTSh]+|[\d,]+|--(?:forest|no-headers|headers))$/;
const psWithValue = /^-(?:e?[fF]?o|[pPuUCgGtkO]|-(?:sort|pid|ppid|user|format))$/;
const psReads: Rule = words => {
  for (let at = 1; at < words.length; at += 1) {
    const [option, value] = words[at]!.text?.split(/(?<=^--\w+)=(.*)/s) ?? [];
    if (!isLiteral(words[at]!)) return 'unknown';
    if (!psWithValue.test(option!)) {
      if (!psWord.test(words[at]!.text!)) return 'unknown';
      continue;
    }
    if (value === undefined) at += 1;
    const taken = value ?? words[at]?.text;
    if (taken === undefined || words[at]!.pattern || !/^(?!.*environ)[\w,.=:+-]+$/i.test(taken))
      return 'unknown';
  }
  return 'reads';
};
/** A sed script that prints lines by their numbers: `10,20p`. */
const sedPrints = /^(\d+|\$)(,(\d+|\$))?p$/;
const findWrites = /^-(exec|execdir|ok|okdir|delete|fls|fprint0?|fprintf)$/;

const rules: Readonly<Record<string, Rule>> = {
  test: testReads,
  '[': testReads,
  exit: words =>
    readsIf(
      words.slice(1).every(({ text }) => /^\d+$/.test(text ?? '')),
      'unknown',
    ),
  sleep: words =>
    readsIf(
      words.slice(1).every(({ text }) => /^[\d.]+[smhd]?$/.test(text ?? '')),
      'unknown',
    ),
  printf: printfReads,
  ps: psReads,
  sort: options(sortForms),
  file: options(fileForms),
  diff: options(diffForms),
  base32: options(baseForms),
  base64: options(baseForms),
  ss: options(ssForms),
  netstat: options(netstatForms),
  // What follows is not paged.
  journalctl: (words, pages) =>
    readsIf(
      hasOnly(words, 1, journalForms) &&
        (!pages || ['no-pager', 'f'].some(name => namesOf(words, 1, journalForms).has(name))),
      'unknown',
    ),
  systemctl: (words, pages) => {
    const operands = operandsOf(words, 1, systemctlForms);
    const known = hasOnly(words, 1, systemctlForms) && operands.every(isOperand);
    if (!known || !systemctlReads.test(operands[0]?.text ?? 'list-units')) return 'writes';
    const unpaged = namesOf(words, 1, systemctlForms).has('no-pager') || operands[0]?.text?.startsWith('is-');
    return readsIf(!pages || unpaged === true, 'unknown');
  },
  ip: words => {
    const object = words.findIndex(({ text }, at) => at > 0 && !text?.startsWith('-'));
    const [name, verb = 'show'] = words.slice(object).map(({ text }) => text ?? '');
    const options = words.slice(1, object);
    const reads = options.every(({ text }) => ipOption.test(text ?? '')) && ipVerb.test(verb);
    return readsIf(
      object > 0 && reads && ipObject.test(name ?? '') && words.slice(object).every(isOperand),
      'writes',
    );
  },
  dmesg: options(dmesgForms),
  // A second operand is the file it writes.
  uniq: words =>
    readsIf(
      hasOnly(words, 1, uniqForms) &&
        operandsOf(words, 1, uniqForms).length <= 1 &&
        words.every(({ pattern }) => !pattern),
      'writes',
    ),
  // An operand that is no format sets the clock.
  date: words =>
    readsIf(
      hasOnly(words, 1, dateForms) &&
        operandsOf(words, 1, dateForms).every(({ text, pattern }) => !pattern && text?.startsWith('+')),
      'writes',
    ),
  // An operand sets the name.
  hostname: words =>
    readsIf(hasOnly(words, 1, hostnameForms) && operandsOf(words, 1, hostnameForms).length === 0, 'writes'),
  find: words =>
    readsIf(
      words.every(
        ({ text, pattern }) =>
          text !== undefined && !findWrites.test(text) && !(pattern && mayBeOption(text)),
      ),
      'writes',
    ),
  sed: words =>
    readsIf(
      words[1]?.text === '-n' && sedPrints.test(words[2]?.text ?? '') && words.slice(3).every(isOperand),
      'interprets',
    ),
};

const effects = new Map<string, Effect>();
for (const [names, effect] of [
  [readers, 'reads'],
  [writers, 'writes'],
  [redefiners, 'redefines'],
  [definers, 'defines'],
  [interpreters, 'interprets'],
] as const) {
  for (const name of names.trim().split(/\s+/)) effects.set(name, effect);
}

/**
 * What the program of this name, as the system has it, can do with these words, its own name the first.
 *
 * @param pages see {@link Rule}
 */
export function effectOf(name: string, words: readonly Word[], pages: boolean): Effect {
  if (Object.hasOwn(rules, name)) return rules[name]!(words, pages);
  if (codeRunners.test(name)) return words[1] !== undefined && isOperand(words[1]) ? 'unknown' : 'interprets';
  return effects.get(name) ?? 'unknown';
}

/** Where systems keep the programs that have these names. */
const systemFolder = /^\/(usr\/)?s?bin\/$/;

/** The base name of a program, and whether it is what the system has by this name: bare, or in its folders. */
export function programOf(text: string): { readonly name: string; readonly ofSystem: boolean } {
  const slash = text.lastIndexOf('/') + 1;
  return { name: text.slice(slash), ofSystem: slash === 0 || systemFolder.test(text.slice(0, slash)) };
}
