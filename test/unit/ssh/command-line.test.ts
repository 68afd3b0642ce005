import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { maxLineBytes, type ReadLine, readCommandLine } from '#lib/ssh/shell/command-line.ts';
import { readShell } from '#lib/ssh/shell/reader.ts';
import { quoteWord } from '#lib/ssh/shell/word.ts';

const read = (line: string): ReadLine => readCommandLine(Buffer.from(line));
const objectsOf = (line: string) => read(line).facts.operations[0]!.objects;

/** `-`: only reads. W: writes; U: code or names that are not known; O: not all can be told, with all of them. */
function kindOf(line: ReadLine): string {
  const { writes, unknownCode, opaque } = line.facts.risk;
  const letters = `${opaque ? 'O' : ''}${writes ? 'W' : ''}${unknownCode ? 'U' : ''}`;
  return letters === '' ? '-' : letters.replace('OWU', 'O');
}

type Row = readonly [line: string, kind: string, objects: readonly string[]];

const programs: readonly Row[] = [
  ['ls', '-', ['ls']],
  ['/bin/ls', '-', ['/bin/ls']],
  ['/usr/bin/ls -la', '-', ['/usr/bin/ls -la']],
  ['./ls', 'WU', ['./ls']],
  ['/tmp/ls', 'WU', ['/tmp/ls']],
  ['../bin/ls', 'WU', ['../bin/ls']],
  ['bin/ls', 'WU', ['bin/ls']],
  ['/usr/bin/../../tmp/ls', 'WU', ['/usr/bin/../../tmp/ls']],
  ['~/bin/ls', 'WU', ['~/bin/ls']],
  ['LS', 'WU', ['LS']],
  ['deploy', 'WU', ['deploy']],
  ['cat /etc/shadow', '-', ['cat /etc/shadow']],
  ['id -u', '-', ['id -u']],
  ['rm -rf /', 'W', ['rm -rf /']],
  ['systemctl restart nginx', 'W', ['systemctl restart nginx']],
  ['systemctl is-active nginx', '-', ['systemctl is-active nginx']],
  ['systemctl status nginx', '-', ['systemctl status nginx']],
  ['systemctl', '-', ['systemctl']],
  ['systemctl list-units --type=service --all', '-', ['systemctl list-units --type=service --all']],
  ['systemctl -H other status', 'W', ['systemctl -H other status']],
  ['systemctl --no-pager restart nginx', 'W', ['systemctl --no-pager restart nginx']],
  ['ip addr', '-', ['ip addr']],
  ['ip -br link show', '-', ['ip -br link show']],
  ['ip route get 192.0.2.1', '-', ['ip route get 192.0.2.1']],
  ['ip link set lo down', 'W', ['ip link set lo down']],
  ['ip netns exec x sh', 'W', ['ip netns exec x sh']],
  ['ip -batch f', 'W', ['ip -batch f']],
  ['ip', 'W', ['ip']],
  ['dmesg -T', '-', ['dmesg -T']],
  ['dmesg -C', 'WU', ['dmesg -C']],
  ['kill -9 1', 'W', ['kill -9 1']],
  ['sort a', '-', ['sort a']],
  ['sort -k 2 -rn a', '-', ['sort -k 2 -rn a']],
  ['sort -o b a', 'WU', ['sort -o b a']],
  ['sort a -o b', 'WU', ['sort a -o b']],
  ['sort -rno b a', 'WU', ['sort -rno b a']],
  ['sort --output=b a', 'WU', ['sort --output=b a']],
  ['sort --out b a', 'WU', ['sort --out b a']],
  ['sort --compress-program=sh a', 'WU', ['sort --compress-program=sh a']],
  ['sort *', 'WU', ['sort *']],
  ['sort -- *', '-', ['sort -- *']],
  ['sort ./*', '-', ['sort ./*']],
  ['sort -k * a', 'WU', ['sort -k * a']],
  ['uniq -c a', '-', ['uniq -c a']],
  ['uniq a b', 'W', ['uniq a b']],
  ['uniq *', 'W', ['uniq *']],
  ['date', '-', ['date']],
  ['date -u +%F', '-', ['date -u +%F']],
  ['date -s 2020-01-01', 'W', ['date -s 2020-01-01']],
  ['date 010100002020', 'W', ['date 010100002020']],
  ['date --iso-8601=seconds', '-', ['date --iso-8601=seconds']],
  ['hostname', '-', ['hostname']],
  ['hostname -f', '-', ['hostname -f']],
  ['hostname evil', 'W', ['hostname evil']],
  ['file -C -m x', 'WU', ['file -C -m x']],
  ['diff -u a b', '-', ['diff -u a b']],
  ['diff -l a b', 'WU', ['diff -l a b']],
  ['base64 -d a', '-', ['base64 -d a']],
  ['base64 -o a', 'WU', ['base64 -o a']],
  ['ss -tlnp', '-', ['ss -tlnp']],
  ['ss -K dst 192.0.2.1', 'WU', ['ss -K dst 192.0.2.1']],
  ['journalctl -u nginx', '-', ['journalctl -u nginx']],
  ['journalctl --no-pager -u nginx -n 20', '-', ['journalctl --no-pager -u nginx -n 20']],
  ['journalctl -t --no-pager -u nginx', '-', ['journalctl -t --no-pager -u nginx']],
  ['journalctl -- --no-pager', '-', ['journalctl -- --no-pager']],
  ['journalctl -u nginx --no-pager', '-', ['journalctl -u nginx --no-pager']],
  ['journalctl --no-pager --vacuum-size=1', 'WU', ['journalctl --no-pager --vacuum-size=1']],
  ['journalctl --no-pager -u -- x --rotate', 'WU', ['journalctl --no-pager -u -- x --rotate']],
  ['journalctl --no-pager -n --rotate', 'WU', ['journalctl --no-pager -n --rotate']],
  ['journalctl --no-pager --lines --rotate', 'WU', ['journalctl --no-pager --lines --rotate']],
  ['journalctl --no-pager -b --rotate', 'WU', ['journalctl --no-pager -b --rotate']],
  ["sed -n '10,20p' a", '-', ['sed -n 10,20p a']],
  ["sed -n '$p' a", '-', ["sed -n '$p' a"]],
  ["sed -n '1w b' a", 'O', ["sed -n '1w b' a"]],
  ['sed -n 1p -i a', 'O', ['sed -n 1p -i a']],
  ['sed -i s/a/b/ a', 'O', ['sed -i s/a/b/ a']],
  ["awk '{print}' a", 'O', ["awk '{print}' a"]],
  ['python3 -c "import os"', 'O', ["python3 -c 'import os'"]],
  ['python3', 'O', ['python3']],
  ['python3 -', 'O', ['python3 -']],
  ['python3.11 -m http.server', 'O', ['python3.11 -m http.server']],
  ['python3 deploy.py --now', 'WU', ['python3 deploy.py --now']],
  ["perl -e 'unlink 1'", 'O', ["perl -e 'unlink 1'"]],
  ['node -e 1', 'O', ['node -e 1']],
  ['ruby script.rb', 'WU', ['ruby script.rb']],
  ['ps aux', '-', ['ps aux']],
  ['ps -ef', '-', ['ps -ef']],
  ...['ps', 'ps -e', 'ps -eF', 'ps auxww', 'ps -aux', 'ps -p 1,2', 'ps -o pid,etime,args --sort=-pcpu'].map(
    (line): Row => [line, '-', [line]],
  ),
  ...[
    'ps -auxe',
    'ps -axe',
    'ps -ax -auxe',
    'ps -xe',
    'ps -lxe',
    'ps -o pid,environ',
    'ps -eo environ',
    'ps --x',
  ].map((line): Row => [line, 'WU', [line]]),
  ['ps eww -u web', 'WU', ['ps eww -u web']],
  ['ps auxe', 'WU', ['ps auxe']],
  ["psql -c 'drop table t'", 'O', ["psql -c 'drop table t'"]],
  ['vim a', 'O', ['vim a']],
  ['less a', 'O', ['less a']],
  ['ssh other rm x', 'O', ['ssh other rm x']],
  ['docker exec c rm x', 'O', ['docker exec c rm x']],
  ["su -c 'rm x' web", 'O', ["su -c 'rm x' web"]],
  ['curl http://x', 'WU', ['curl http://x']],
  ['tar xf a.tar', 'WU', ['tar xf a.tar']],
  ['git status', 'WU', ['git status']],
  ['test -f a', '-', ['test -f a']],
  ['[ -f a ]', '-', ['[ -f a ]']],
  ['[ a = b ]', '-', ['[ a = b ]']],
  ["[ -v 'a[$(id)]' ]", 'WU', ["[ -v 'a[$(id)]' ]"]],
  ["test 'a[$(id)]' -eq 0", 'WU', ["test 'a[$(id)]' -eq 0"]],
  // A variable's value may be what is computed, and a client sets variables.
  ["test -v 'BASH_VERSINFO[TERM]'", 'WU', ["test -v 'BASH_VERSINFO[TERM]'"]],
  ['test -v TERM', 'WU', ['test -v TERM']],
  ['test -R TERM', 'WU', ['test -R TERM']],
  ['[ TERM -eq 1 ]', 'WU', ['[ TERM -eq 1 ]']],
  ['[ 1 -lt TERM ]', 'WU', ['[ 1 -lt TERM ]']],
  ['test -t TERM', 'WU', ['test -t TERM']],
  ['test 3 -lt 4 -a -t 0', '-', ['test 3 -lt 4 -a -t 0']],
  ["[ ! -d a -o '(' b -nt c ')' ]", '-', ["[ ! -d a -o '(' b -nt c ')' ]"]],
  ['printf %d TERM', 'WU', ['printf %d TERM']],
  ['printf %03d 7', '-', ['printf %03d 7']],
  ["printf '%s\\n' a", '-', ['printf "%s\\\\n" a']],
  ['printf -v PATH /tmp', 'WU', ['printf -v PATH /tmp']],
  ["printf '%n' PATH", 'WU', ['printf %n PATH']],
  ['exit 0', '-', ['exit 0']],
  ["exit 'a[$(id)]'", 'WU', ["exit 'a[$(id)]'"]],
  ['sleep 1.5s', '-', ['sleep 1.5s']],
  ['tail -f /var/log/syslog', '-', ['tail -f /var/log/syslog']],
  ['cat *.log', '-', ['cat *.log']],
  ['echo hello', '-', ['echo hello']],
  ['true', '-', ['true']],
  [':', '-', [':']],
];

const structure: readonly Row[] = [
  ['', '-', []],
  ['  \t ', '-', []],
  ['# a comment', '-', []],
  ['ls # rm x', '-', ['ls']],
  ['ls#rm x', 'WU', ['ls#rm x']],
  ['ls; rm x', 'W', ['ls', 'rm x']],
  ['ls;', '-', ['ls']],
  ['ls\nrm x\n', 'W', ['ls', 'rm x']],
  ['ls && rm x || id', 'W', ['id', 'ls', 'rm x']],
  ['ls &&\n\n id', '-', ['id', 'ls']],
  ['ls | wc -l', '-', ['ls', 'wc -l']],
  ['sleep 5 & ls', '-', ['ls', 'sleep 5']],
  ['sleep 5 &', '-', ['sleep 5']],
  ['! ls', '-', ['ls']],
  ['(ls; id)', '-', ['id', 'ls']],
  ['( ls )|(id)', '-', ['id', 'ls']],
  ['(ls) < x', '-', ['< x', 'ls']],
  ['( (ls) < x)', '-', ['< x', 'ls']],
  ['( \\\n(ls))', '-', ['ls']],
  ['(ls) > x', 'W', ['> x', 'ls']],
  ['(ls) 2>/dev/null', '-', ['> /dev/null', 'ls']],
  ['ls; ls; ls', '-', ['ls']],
  ['ls \\\n  -l', '-', ['ls -l']],
  ['ls > x', 'W', ['> x', 'ls']],
  ['ls >x', 'W', ['> x', 'ls']],
  ['ls>x', 'W', ['> x', 'ls']],
  ['ls >> x', 'W', ['> x', 'ls']],
  ['ls >| x', 'W', ['> x', 'ls']],
  ['ls 2> x', 'W', ['> x', 'ls']],
  ['ls 2 > x', 'W', ['> x', 'ls 2']],
  ['> x', 'WU', ['> x']],
  ['< x', 'WU', ['< x']],
  ['LANG=C < x', 'WU', ['< x', 'LANG=C']],
  ['> x ls', 'W', ['> x', 'ls']],
  ['ls <> x', 'W', ['< x', '> x', 'ls']],
  ['cat < x', '-', ['< x', 'cat']],
  ['cat < x > /dev/null 2>&1', '-', ['< x', '> /dev/null', 'cat']],
  ['ls 2>&1', '-', ['ls']],
  ['ls >&-', '-', ['ls']],
  ["ls > 'a b'", 'W', ["> 'a b'", 'ls']],
  ['ls > ~/x', 'W', ['> ~/x', 'ls']],
  ['ls > /dev/nullx', 'W', ['> /dev/nullx', 'ls']],
  ['cat < /dev/tcp/192.0.2.1/80', 'WU', ['< /dev/tcp/192.0.2.1/80', 'cat']],
  ["echo 'a b'", '-', ["echo 'a b'"]],
  ['echo "a b"', '-', ["echo 'a b'"]],
  ['echo a\\ b', '-', ["echo 'a b'"]],
  ['echo a" "b', '-', ["echo 'a b'"]],
  ["echo ''", '-', ["echo ''"]],
  ['echo ""', '-', ["echo ''"]],
  ["'l's", '-', ['ls']],
  ['"/bin/"ls', '-', ['/bin/ls']],
  ["echo it\\'s", '-', ['echo "it\'s"']],
  ['echo "a\\"b"', '-', ["echo 'a\"b'"]],
  ['echo "\\$x"', '-', ["echo '$x'"]],
  ["echo '$x `y`'", '-', ["echo '$x `y`'"]],
  ['echo "a\nb"', '-', ["echo 'a\nb'"]],
  ["echo '*' *", '-', ["echo '*' *"]],
  ["ls 'a b'*", '-', ["ls 'a b'*"]],
  ['ls [a-z]*', '-', ['ls [a-z]*']],
  ['ls ~', '-', ['ls ~']],
  ["ls '~'", '-', ["ls '~'"]],
  ['ls ~web/x', '-', ['ls ~web/x']],
  ['ls ä', '-', ['ls ä']],
  ["'if' x", 'WU', ["'if' x"]],
  ["'A=b' x", 'WU', ["'A=b' x"]],
  ['echo if', '-', ['echo if']],
  ['echo A=b', '-', ['echo A=b']],
  ['dd if=/dev/zero of=/dev/sda', 'W', ['dd if=/dev/zero of=/dev/sda']],
  ["dd if='a b'", 'W', ["dd 'if=a b'"]],
  ['echo a#b {} 1+1=2 a:b,c@d%e', '-', ['echo a#b {} 1+1=2 a:b,c@d%e']],
];

const names: readonly Row[] = [
  ['LANG=C ls', '-', ['LANG=C ls', 'ls']],
  ['LC_ALL=de_DE.UTF-8 sort a', '-', ['LC_ALL=de_DE.UTF-8 sort a', 'sort a']],
  ['LANG=C.utf8 LC_CTYPE=UTF-8 LC_ALL= ls', '-', ['LANG=C.utf8 LC_CTYPE=UTF-8 LC_ALL= ls', 'ls']],
  ['LC_ALL=zh_CN.GBK ls', 'WU', ['LC_ALL=zh_CN.GBK ls', 'ls']],
  ['LANG=zh_TW ls', 'WU', ['LANG=zh_TW ls', 'ls']],
  ['LC_ALL=/tmp/x ls', 'WU', ['LC_ALL=/tmp/x ls', 'ls']],
  ['LD_PRELOAD=/tmp/x.so ls', 'WU', ['LD_PRELOAD=/tmp/x.so ls', 'ls']],
  ['PATH=/tmp ls', 'WU', ['PATH=/tmp ls', 'ls']],
  ["A='b c' ls", 'WU', ["A='b c' ls", 'ls']],
  ['PATH=/tmp', 'WU', ['PATH=/tmp']],
  ['PATH+=:/tmp; ls', 'WU', ['PATH+=:/tmp', 'ls']],
  ['export PATH=/tmp; ls', 'WU', ['export PATH=/tmp', 'ls']],
  ["alias ls='rm x'; ls", 'WU', ["alias 'ls=rm x'", 'ls']],
  ['cd /tmp && ls', 'U', ['cd /tmp', 'ls']],
  ['hash -p /tmp/x ls; ls', 'WU', ['hash -p /tmp/x ls', 'ls']],
  ['read PATH', 'WU', ['read PATH']],
];

const throughRunners: readonly Row[] = [
  ['sudo ls', '-', ['ls', 'sudo ls']],
  [
    'sudo -n -u web systemctl restart nginx',
    'W',
    ['sudo -n -u web systemctl restart nginx', 'systemctl restart nginx'],
  ],
  ['sudo -nu web ls', '-', ['ls', 'sudo -nu web ls']],
  ['sudo --user=web ls', '-', ['ls', 'sudo --user=web ls']],
  ['sudo -- ls', '-', ['ls', 'sudo -- ls']],
  ['sudo PATH=/tmp ls', 'WU', ['ls', 'sudo PATH=/tmp ls']],
  ['sudo A=b -u web rm x', 'O', ['-u web rm x', 'sudo A=b -u web rm x']],
  ['sudo -i', 'O', ['sudo -i']],
  ['sudo -s rm x', 'O', ['sudo -s rm x']],
  ['sudo -e /etc/passwd', 'O', ['sudo -e /etc/passwd']],
  ['sudo -k', 'W', ['sudo -k']],
  ['sudo', 'W', ['sudo']],
  ['/tmp/sudo ls', 'WU', ['/tmp/sudo ls', 'ls']],
  ['sudo ./ls', 'WU', ['./ls', 'sudo ./ls']],
  ['doas -u web ls', '-', ['doas -u web ls', 'ls']],
  ['env', '-', ['env']],
  ['env A=b rm x', 'WU', ['env A=b rm x', 'rm x']],
  ['env = 1=2 rm x', 'WU', ['env = 1=2 rm x', 'rm x']],
  ['env LANG=C ls', '-', ['env LANG=C ls', 'ls']],
  ['env LC_ALL=ja_JP.SJIS ls', 'WU', ['env LC_ALL=ja_JP.SJIS ls', 'ls']],
  ['env -i ls', '-', ['env -i ls', 'ls']],
  ['env - rm x', 'W', ['env - rm x', 'rm x']],
  ['env A=b -u C rm x', 'O', ['-u C rm x', 'env A=b -u C rm x']],
  ['env -u HOME -- ls', '-', ['env -u HOME -- ls', 'ls']],
  ["env -S 'rm x'", 'O', ["env -S 'rm x'"]],
  ['nohup ls', 'W', ['ls', 'nohup ls']],
  ['nice -n 5 ls', '-', ['ls', 'nice -n 5 ls']],
  ['nice -5 ls', '-', ['ls', 'nice -5 ls']],
  ['nice -n * ls', 'O', ['nice -n * ls']],
  ['ionice -c 3 ls', '-', ['ionice -c 3 ls', 'ls']],
  ['timeout 5 ls', '-', ['ls', 'timeout 5 ls']],
  ['timeout -k 1 -s KILL 5 rm x', 'W', ['rm x', 'timeout -k 1 -s KILL 5 rm x']],
  ['timeout --signal=KILL 5 ls', '-', ['ls', 'timeout --signal=KILL 5 ls']],
  ['timeout * rm x', 'O', ['timeout * rm x']],
  ['timeout 7* cat x', 'O', ['timeout 7* cat x']],
  ['timeout "$t" cat x', 'O', ['timeout "$t" cat x']],
  ['time ls', '-', ['ls', 'time ls']],
  ['time -o x ls', 'O', ['time -o x ls']],
  ['time ! rm x', 'O', ['time ! rm x']],
  ['time A=b rm x', 'O', ['time A=b rm x']],
  ["time 'A=b' x", 'O', ['time A=b x']],
  ['time for x', 'O', ['time for x']],
  ['exec ls', '-', ['exec ls', 'ls']],
  ['exec -a sh busybox', 'O', ['exec -a sh busybox']],
  ['exec > x', 'W', ['> x', 'exec']],
  ['command ls', '-', ['command ls', 'ls']],
  ['command -v rm', '-', ['command -v rm']],
  ['builtin cd /', 'U', ['builtin cd /', 'cd /']],
  ['stdbuf -oL ls', '-', ['ls', 'stdbuf -oL ls']],
  ['setsid rm x', 'W', ['rm x', 'setsid rm x']],
  [
    'sudo nice timeout 5 rm x',
    'W',
    ['nice timeout 5 rm x', 'rm x', 'sudo nice timeout 5 rm x', 'timeout 5 rm x'],
  ],
  ["sh -c 'ls; rm x'", 'W', ['ls', 'rm x', "sh -c 'ls; rm x'"]],
  ["bash -lc 'ls'", '-', ['bash -lc ls', 'ls']],
  ["bash -euo pipefail -c 'ls | wc'", '-', ["bash -euo pipefail -c 'ls | wc'", 'ls', 'wc']],
  ['bash -o posix -c ls', 'O', ['bash -o posix -c ls']],
  ["bash -c -oerrexit posix 'rm x'", 'O', ["bash -c -oerrexit posix 'rm x'"]],
  ["bash -eo pipefail -c 'ls'", '-', ['bash -eo pipefail -c ls', 'ls']],
  ["sh -c 'rm $1' sh x", 'O', ['rm $1', "sh -c 'rm $1' sh x"]],
  [
    'sudo sh -c \'for i in a; do sh -c "rm x; $y"; done\'',
    'O',
    [
      'sh -c "rm x; $y"',
      'sh -c \'for i in a; do sh -c "rm x; $y"; done\'',
      'sudo sh -c \'for i in a; do sh -c "rm x; $y"; done\'',
    ],
  ],
  ["/bin/sh -c 'echo ~web && sleep 0'", '-', ["/bin/sh -c 'echo ~web && sleep 0'", 'echo ~web', 'sleep 0']],
  ['sh -c "$x"', 'O', ['sh -c "$x"']],
  ['sh -c', 'O', ['sh -c']],
  ['sh -c *', 'O', ['sh -c *']],
  ['bash', 'O', ['bash']],
  ['bash -s', 'O', ['bash -s']],
  ["bash +x -c 'rm x'", 'O', ["bash +x -c 'rm x'"]],
  ["sh -c +x 'rm x'", 'O', ["sh -c +x 'rm x'"]],
  ["sh -c - 'rm x'", 'O', ["sh -c - 'rm x'"]],
  ["sh -c -- 'rm x'", 'W', ['rm x', "sh -c -- 'rm x'"]],
  ["sh -c -e 'rm x'", 'W', ['rm x', "sh -c -e 'rm x'"]],
  ['bash -i -c ls', 'O', ['bash -i -c ls']],
  ['bash --rcfile x -c ls', 'O', ['bash --rcfile x -c ls']],
  ['sh deploy.sh', 'WU', ['sh deploy.sh']],
  ['sh -x deploy.sh', 'WU', ['sh -x deploy.sh']],
  ['/tmp/sh -c ls', 'WU', ['/tmp/sh -c ls', 'ls']],
  ["fish -c 'ls'", 'O', ['fish -c ls']],
  [
    "sudo sh -c 'echo a > /etc/b'",
    'W',
    ['> /etc/b', 'echo a', "sh -c 'echo a > /etc/b'", "sudo sh -c 'echo a > /etc/b'"],
  ],
  ['sh -c "sh -c \'rm x\'"', 'W', ['rm x', 'sh -c "sh -c \'rm x\'"', "sh -c 'rm x'"]],
  ['eval ls \\; rm x', 'W', ["eval ls ';' rm x", 'ls', 'rm x']],
  ['eval *', 'O', ['eval *']],
  ['. ./x', 'O', ['. ./x']],
  ['source x', 'O', ['source x']],
  ['xargs rm', 'O', ['rm', 'xargs rm']],
  ['xargs', '-', ['xargs']],
  ['xargs -0 -n 1 rm -f', 'O', ['rm -f', 'xargs -0 -n 1 rm -f']],
  ['find . -type f', '-', ['find . -type f']],
  ["find . -name '*.c' ! -user web", '-', ["find . -name '*.c' ! -user web"]],
  ['find . -delete', 'W', ['find . -delete']],
  ['find . -fprint x', 'W', ['find . -fprint x']],
  ['find *', 'W', ['find *']],
  ['find . -exec rm {} \\;', 'W', ["find . -exec rm {} ';'", 'rm {}']],
  ['find . -exec cat {} +', 'W', ['cat {}', 'find . -exec cat {} +']],
  ['find . -exec env + rm x \\;', 'WU', ['+ rm x', 'env + rm x', "find . -exec env + rm x ';'"]],
  ['find . -exec sh -c {} \\;', 'O', ["find . -exec sh -c {} ';'", 'sh -c {}']],
  ["find . -exec sh -c 'rm {}' \\;", 'O', ["find . -exec sh -c 'rm {}' ';'", "sh -c 'rm {}'"]],
  ['find . -exec {} \\;', 'O', ["find . -exec {} ';'", '{}']],
  ['find . -exec rm {}', 'O', ['find . -exec rm {}']],
];

const hidden: readonly Row[] = [
  ['echo $HOME', 'O', ['echo $HOME']],
  ['echo "$HOME"', 'O', ['echo "$HOME"']],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: It is the shell's.
  ['echo ${HOME}', 'O', ['echo ${HOME}']],
  ['$x', 'O', ['$x']],
  ['l$x', 'O', ['l$x']],
  ['echo $(rm x)', 'O', ['echo $(rm x)', 'rm x']],
  ['echo "$(rm x)"', 'O', ['echo "$(rm x)"', 'rm x']],
  ['echo `rm x`', 'O', ['echo `rm x`', 'rm x']],
  ['echo "`rm x`"', 'O', ['echo "`rm x`"', 'rm x']],
  ['echo $(echo $(rm x))', 'O', ['echo $(echo $(rm x))', 'echo $(rm x)', 'rm x']],
  ['echo $((1+1))', 'O', ['echo $((1+1))']],
  ["echo $'a'", 'O', ["echo $'a'"]],
  ["$'rm' x", 'O', ["$'rm' x"]],
  ['rm -rf "$dir"/x', 'O', ['rm -rf "$dir"/x']],
  ['A=$(rm x) ls', 'O', ['A=$(rm x) ls', 'ls', 'rm x']],
  ['ls > $x', 'O', ['> $x', 'ls']],
  ['for i in a b; do rm x; done', 'O', ['rm x']],
  ['while true; do ls; done', 'O', ['ls', 'true']],
  ['if ls; then rm x; else id; fi', 'O', ['id', 'ls', 'rm x']],
  ['case a in a) rm x;; esac', 'O', ['rm x']],
  ['ls() { rm x; }; ls', 'O', ['ls', 'rm x']],
  ['function ls { rm x; }', 'O', ['rm x']],
  ['{ ls; rm x; }', 'O', ['ls', 'rm x']],
  ['[[ -f x ]] && rm x', 'O', ['rm x']],
  ['(( 1 )) && rm x', 'O', ['rm x']],
  ['select a in b; do rm x; done', 'O', ['rm x']],
  ['coproc rm x', 'O', ['rm x']],
  ['cat <<E\nx\nE', 'O', ['cat']],
  ['cat <<< x', 'O', ['cat']],
  ['diff <(ls a) <(ls b)', 'O', ['diff <(ls a) <(ls b)', 'ls a', 'ls b']],
  ['tee >(rm x)', 'O', ['rm x', 'tee >(rm x)']],
  ['rm {a,b}', 'O', ['rm {a,b}']],
  ['rm a{1..3}', 'O', ['rm a{1..3}']],
  ['ls &> x', 'O', ['> x', 'ls']],
  ['ls |& rm x', 'O', ['ls', 'rm x']],
  ['/bin/r?', 'O', ['/bin/r?']],
  ['a=(1 2)', 'O', ['a=(1 2)']],
  ['ls @(a|b)', 'O', ['ls @(a|b)']],
  ['{fd}>x ls', 'O', ['> x', 'ls']],
  ['l\\s', 'O', ['l\\s']],
];

describe.each([
  ['programs', programs],
  ['the structure of lines', structure],
  ['what makes names mean something else', names],
  ['programs that run programs', throughRunners],
  ['lines of which not all can be told', hidden],
])('%s', (_name, rows) => {
  test.each(rows.map(([line, kind, objects]) => [line, kind, objects] as const))(
    '%j: %s',
    (line, kind, objects) => {
      const found = read(line);

      expect([kindOf(found), found.facts.operations[0]!.objects]).toEqual([kind, [...objects].sort()]);
      expect(found.facts.risk.opaque).toBe(found.unreadable !== undefined);
    },
  );
});

describe('what hands its output to a pager, which runs programs, is told with a terminal', () => {
  test.each([
    ['journalctl -u nginx', 'WU'],
    ['journalctl -t --no-pager -u nginx', 'WU'],
    ['journalctl -- --no-pager', 'WU'],
    ['journalctl --no-pager -u nginx', '-'],
    ['systemctl status nginx', 'WU'],
    ['systemctl status nginx --no-pager', '-'],
    ['systemctl restart nginx', 'W'],
    ["sh -c 'systemctl status nginx'", 'WU'],
  ])('%j: %s', (line, kind) => {
    expect(kindOf(readCommandLine(Buffer.from(line), true))).toBe(kind);
  });
});

describe('what pages is not known to read where its output may be made a terminal', () => {
  test.each([
    'systemctl status x 1</dev/pts/0 2</dev/pts/0',
    'systemctl status x </dev/pts/0 1>&0',
    '(TERM=xterm journalctl) 1</dev/pts/0',
    'timeout 9 journalctl 1</dev/pts/0',
    "sh -c 'journalctl 1>&0' </dev/pts/0",
    'journalctl >&3',
  ])('%j', line => {
    expect(kindOf(read(line))).toMatch(/U|O/);
  });

  test('but for standard output and error, which are none', () => {
    expect(kindOf(read('systemctl status nginx 2>&1 | head'))).toBe('-');
  });
});

describe('what shells read in two ways is refused', () => {
  test.each([
    ["echo 'a\\'", 'a backslash before the end of single quotes, which fish reads as a quote'],
    ["echo 'a\\\\b'", 'two backslashes in single quotes, which are one in fish'],
    ['ls 12>x', 'a descriptor of two digits, which is an argument in dash'],
    ['ls >& x', 'a redirection of both outputs, which dash does not know'],
    ['ls >! x', 'zsh’s way to overwrite'],
    ['ls >#x', 'a comment, or a file'],
    ['echo =ls', 'the path of a program in zsh'],
    ['(\\\n( echo , TERM ))', 'two parentheses on two lines, which is arithmetic'],
    ['ls;\\\n; id', 'an operator on two lines'],
    ['ls a\\\nb', 'a line that goes on within a word'],
    ['ls \u00a0x', 'a blank that is none'],
    ['ls \u202ex', 'text from right to left'],
    ['ls \x1b[31m', 'an escape sequence'],
    ['ls \r\nrm x', 'a carriage return'],
    ["ls '\x07'", 'a bell in quotes'],
    ['echo (ls)', 'a substitution in fish'],
    ['ls; ; id', 'nothing between two semicolons'],
    ['| ls', 'a pipe from nothing'],
    ['ls |', 'a pipe to nothing'],
    ['ls &&', 'a condition on nothing'],
    ['(ls', 'a group that does not end'],
    ['ls)', 'an end of no group'],
    ['()', 'an empty group'],
    ['(ls) id', 'a word after a group'],
    ['((ls))', 'two parentheses'],
    ["ls 'x", 'a quote that is not closed'],
    ['ls "x', 'a double quote that is not closed'],
    ['ls "x\\', 'an escape of nothing in quotes'],
    ['ls \\', 'an escape of nothing'],
    ['ls >', 'a redirection to nowhere'],
    ['> x if', 'a word of the shell after a redirection'],
    ['A=b if', 'a word of the shell after an assignment'],
    ['ls ;; id', 'the end of a case'],
    ["ls ~'x'", 'a home in quotes'],
    ['- ls', 'a word before commands in zsh'],
    ['echo 中\\; id', 'a backslash that is half of a character in GBK'],
    ['echo 中\\\\; id', 'two of them'],
    ['echo "中\\"; id"', 'one in quotes'],
    ['echo ü| id', 'a bar that is half of a character in Big5'],
    ['ls ü[a]', 'a bracket that is'],
  ])('%j: %s', line => {
    const { facts, unreadable } = read(line);

    expect(facts.risk).toMatchObject({
      opaque: true,
      writes: true,
      unknownCode: true,
      ddl: true,
      noWhere: true,
    });
    expect(unreadable).toMatch(/^[ -~’]+$/);
  });
});

describe('facts', () => {
  test('are of one operation, with sorted objects and the programs’ base names', () => {
    const { facts } = read('/usr/bin/sudo cat x | grep y; rm z');

    expect(facts).toEqual({
      protocol: 'ssh',
      verb: 'exec',
      operations: [{ action: 'ssh:exec', objects: ['/usr/bin/sudo cat x', 'cat x', 'grep y', 'rm z'] }],
      functions: ['cat', 'grep', 'rm', 'sudo'],
      risk: { writes: true, ddl: false, noWhere: false, statements: 3, opaque: false, unknownCode: false },
    });
  });

  test.each([
    ['a NUL', Buffer.from('ls\0; rm x')],
    ['bytes that are not UTF-8', Buffer.from([0x6c, 0x73, 0x20, 0xff])],
    ['a byte too many', Buffer.alloc(maxLineBytes + 1, 'a')],
  ])('%s: nothing is read', (_name, bytes) => {
    const { facts, unreadable } = readCommandLine(bytes);

    expect(facts.operations).toEqual([{ action: 'ssh:exec', objects: [] }]);
    expect(facts.risk).toMatchObject({ opaque: true, writes: true, unknownCode: true });
    expect(unreadable).toBeDefined();
  });

  test('a line of the largest length is read', () => {
    const line = `cat ${'a'.repeat(maxLineBytes - 4)}`;

    expect(kindOf(read(line))).toBe('-');
  });

  test('more commands than are listed make a line opaque', () => {
    const distinct = Array.from({ length: 501 }, (_, index) => `cat ${index}`).join(';');
    const many = 'ls;'.repeat(1001);

    expect(kindOf(read(distinct))).toBe('O');
    expect(objectsOf(distinct)).toHaveLength(500);
    expect(kindOf(read(many))).toBe('O');
  });

  test('texts within texts are read to a depth', () => {
    const nested = (depth: number) => {
      let line = 'ls';
      for (let level = 0; level < depth; level += 1) line = `sudo ${line}`;
      return line;
    };

    expect(kindOf(read(nested(10)))).toBe('-');
    expect(kindOf(read(nested(11)))).toBe('O');
    expect(kindOf(read(`${'eval '.repeat(13_000)}ls`))).toBe('O');
  });
});

describe('lines that transfer files', () => {
  test.each<[string, Omit<ReadLine, 'facts' | 'unreadable'>]>([
    [
      'scp -t /tmp/x',
      {
        scpLegacy: {
          ...{ direction: 'to', recursive: false, preserve: false, directory: false },
          paths: [{ path: '/tmp/x', expands: false }],
        },
      },
    ],
    [
      "scp -v -r -p -d -t -- 'a b'",
      {
        scpLegacy: {
          ...{ direction: 'to', recursive: true, preserve: true, directory: true },
          paths: [{ path: 'a b', expands: false }],
        },
      },
    ],
    [
      '/usr/bin/scp -rf ./*.log ~/x',
      {
        scpLegacy: {
          ...{ direction: 'from', recursive: true, preserve: false, directory: false },
          paths: [
            { path: './*.log', expands: true },
            { path: '~/x', expands: true },
          ],
        },
      },
    ],
    [
      'scp -f *.log',
      {
        scpLegacy: {
          ...{ direction: 'from', recursive: false, preserve: false, directory: false },
          paths: [{ path: '*.log', expands: true }],
        },
      },
    ],
    ['scp -t *', {}],
    ['scp -t -f x', {}],
    ['scp -t', {}],
    ['scp -t a b', {}],
    ['scp -f -S evil x', {}],
    ['scp a b:c', {}],
    ['scp -t x; ls', {}],
    ['scp -t x > y', {}],
    ['A=b scp -t x', {}],
    ['scp -t $x', {}],
    [
      '/usr/lib/openssh/sftp-server',
      { sftpServer: { program: '/usr/lib/openssh/sftp-server', arguments: [] } },
    ],
    ['sftp-server -R', { sftpServer: { program: 'sftp-server', arguments: ['-R'] } }],
    [
      'rsync --server --sender -logDtpre.iLsfxCIvu . /srv/x',
      {
        rsyncServer: {
          ...{ direction: 'from', options: ['-logDtpre.iLsfxCIvu'] },
          paths: [{ path: '/srv/x', expands: false }],
        },
      },
    ],
    [
      'rsync --server -logDtpre.iLsfxCIvu --delete . x y',
      {
        rsyncServer: {
          ...{ direction: 'to', options: ['-logDtpre.iLsfxCIvu', '--delete'] },
          paths: [
            { path: 'x', expands: false },
            { path: 'y', expands: false },
          ],
        },
      },
    ],
    ['rsync -a x y', {}],
    [
      "git-upload-pack '/srv/x.git'",
      { git: { service: 'upload-pack', path: { path: '/srv/x.git', expands: false } } },
    ],
    [
      "git-receive-pack 'x.git'",
      { git: { service: 'receive-pack', path: { path: 'x.git', expands: false } } },
    ],
    [
      "git upload-archive 'x.git'",
      { git: { service: 'upload-archive', path: { path: 'x.git', expands: false } } },
    ],
    ['git-upload-pack --help', {}],
    ['git-upload-pack a b', {}],
    ['git log', {}],
  ])('%j', (line, expected) => {
    const { facts: _facts, unreadable: _unreadable, ...transfer } = read(line);

    expect(transfer).toEqual(expected);
  });

  test.each([
    ['scp -f x', '-'],
    ['scp -t x', 'W'],
    ['/tmp/scp -f x', 'WU'],
    ['/tmp/rsync --server . x', 'WU'],
    ['scp a b:c', 'O'],
    ['rsync --server --sender -logDtpre.iLsfxCIvu . x', '-'],
    ['rsync --server --sender -logDtpre.iLsfxCIvu --remove-source-files . x', 'W'],
    ['rsync --server --sender -logDtpre.iLsfxCIvu --log-file=x . x', 'O'],
    ['rsync --server --sender -e.LsfxC . --log-file=x', 'O'],
    ['rsync --server --sender -e.LsfxC . a --log-file=x b', 'O'],
    ['rsync --server --sender -e.LsfxC . *', 'O'],
    ['rsync --server --sender -e.LsfxC . ./*', '-'],
    ['rsync --server --sender -se.LsfxC .', 'O'],
    ['rsync --server --sender -e sh . x', 'O'],
    ['rsync --server --sender -esh . x', 'O'],
    ['rsync --server -T/tmp . x', 'O'],
    ['rsync --server --sender - . x', 'O'],
    ['rsync --server --daemon --config=x .', 'O'],
    ['rsync --server -logDtpre.iLsfxCIvu --delete-during . x', 'W'],
    ['rsync --server -logDtpre.iLsfxCIvu . x', 'W'],
    ['git-upload-pack x', '-'],
    ['git-receive-pack x', 'W'],
    ['git upload-pack x', '-'],
  ])('%j: %s', (line, kind) => {
    expect(kindOf(read(line))).toBe(kind);
  });
});

describe('whatever the line', () => {
  const fragment = fc.constantFrom(
    ...[
      'ls',
      'rm',
      'sudo',
      'sh',
      '-c',
      'find',
      '-exec',
      'env',
      'A=b',
      'xargs',
      'scp',
      '-t',
      'if',
      'do',
      'done',
      'for',
      'in',
    ],
    ...[
      ' ',
      '  ',
      '\n',
      ';',
      '&',
      '&&',
      '|',
      '||',
      '(',
      ')',
      '<',
      '>',
      '>>',
      '<<',
      '2>',
      '!',
      '{',
      '}',
      '{}',
    ],
    ...[
      "'",
      '"',
      '\\',
      '`',
      '$',
      '$(',
      '${',
      '$((',
      '))',
      '#',
      '~',
      '*',
      '?',
      '[',
      ']',
      '=',
      'ä',
      '\u0000',
      '\u00a0',
      '😀',
    ],
  );
  const lines = fc.oneof(
    fc.array(fragment, { maxLength: 40 }).map(parts => parts.join('')),
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.uint8Array({ maxLength: 60 }),
  );

  test('it is read without an error, in bounded time, to facts that hold together', () => {
    fc.assert(
      fc.property(lines, line => {
        const { facts, unreadable } = readCommandLine(Buffer.from(line));

        const { writes, opaque, unknownCode } = facts.risk;
        expect(opaque).toBe(unreadable !== undefined);
        if (opaque) expect([writes, unknownCode]).toEqual([true, true]);
        const { objects } = facts.operations[0]!;
        expect(objects).toEqual([...new Set(objects)].sort());
      }),
      { numRuns: 1000 },
    );
  });

  test('what is listed of a line that can be told is read as itself', () => {
    fc.assert(
      fc.property(lines, line => {
        const { facts } = readCommandLine(Buffer.from(line));
        fc.pre(!facts.risk.opaque);

        for (const object of facts.operations[0]!.objects) expect(objectsOf(object)).toContain(object);
      }),
      { numRuns: 1000 },
    );
  });

  test('a quoted word is read as the word', () => {
    const words = fc.string({ unit: 'grapheme-ascii', maxLength: 12 }).filter(word => !/\t/.test(word));
    fc.assert(
      fc.property(fc.array(words, { minLength: 1, maxLength: 5 }), list => {
        const [command, ...more] = readShell(`echo ${list.map(quoteWord).join(' ')}`);

        expect(more).toEqual([]);
        expect(command!.words.slice(1).map(({ text }) => text)).toEqual(list);
        expect(command!.words.some(({ pattern }) => pattern)).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    ...[
      '(',
      '((',
      '$(',
      '`',
      '"`',
      '${',
      '{a,',
      '<<a ',
      '"$(',
      '>(',
      '[[ (',
      '$((',
      'if ',
      'case a in ',
      'a=(',
      '[',
      'f()',
    ],
    ...[
      'a;',
      'a b;',
      'a|',
      '>a ',
      'sudo ',
      'eval ',
      'sh -c ',
      'env a=b ',
      'find -exec ',
      '\\\n',
      "'",
      '\\',
      '#\n',
    ],
  ])('nested and repeated %j takes less than a second of the processor', fragment => {
    for (const bytes of [4096, maxLineBytes]) {
      const line = Buffer.from(fragment.repeat(Math.floor(bytes / fragment.length)));
      const began = process.cpuUsage();

      readCommandLine(line);

      const { user, system } = process.cpuUsage(began);
      expect((user + system) / 1000).toBeLessThan(1000);
    }
  });
});
