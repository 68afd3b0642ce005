/** Many channels in one connection. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { freePort } from '#local/ports.ts';
import { run } from '../../harness/program.ts';
import { startSsh } from './background.ts';
import { mebibyte, randomFile, sha256Of } from './files.ts';
import { connect } from './one-connection.ts';
import type { SshRecording } from './ssh-recording.ts';
import { type SshStack, startSshStack } from './ssh-stack.ts';

let sut: SshStack;
beforeAll(async () => {
  sut = await startSshStack();
}, 120_000);
afterAll(() => sut?.stop(), 30_000);

/** A program that needs its input whole, waits, and ends in a way of its own. */
const program = (index: number) => `cat; sleep 1; echo "done ${index}"; exit ${index}`;
const inputOf = (index: number) => `${String(index).repeat(100_000)}\n`;
const outputOf = (index: number) => `${inputOf(index)}done ${index}\n`;

function expectTen(recording: SshRecording): void {
  expect(recording.commands).toHaveLength(10);
  for (const { command, channel, exit } of recording.commands) {
    const index = Number(/done (\d)/.exec(String(command))?.[1]);
    expect(exit).toEqual({ status: index });
    expect(recording.fromClient(Number(channel)).head.toString()).toBe(inputOf(index));
    expect(recording.toClient(Number(channel)).head.toString()).toBe(outputOf(index));
  }
  expect(new Set(recording.commands.map(({ channel }) => channel)).size).toBe(10);
  expect(recording.faults).toEqual([]);
}

test('ten channels at once: each has its own input, output, status and place in the one recording', async () => {
  const { value: ends, recording } = await sut.recordedOne(async () => {
    await using client = await connect(sut, 'dba');
    return await Promise.all(
      Array.from({ length: 10 }, (_, index) => client.exec(program(index), inputOf(index))),
    );
  });

  expect(ends).toEqual(
    Array.from({ length: 10 }, (_, index) => ({ code: index, stdout: outputOf(index), stderr: '' })),
  );
  expectTen(recording);
});

test('OpenSSH with a master (ControlMaster): ten programs in one session', async () => {
  const settings = { ControlPath: join(sut.folder, 'ten.sock') };

  const { value: ends, recording } = await sut.recordedOne(async () => {
    await using master = await startSsh(sut, 'dba', { before: ['-v', '-N', '-M'], settings });
    await master.said('Entering interactive session');
    return await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        sut.ssh('dba', [program(index)], { settings, input: inputOf(index) }),
      ),
    );
  });

  for (const [index, { code, stdout }] of ends.entries()) {
    expect(stdout).toBe(outputOf(index));
    expect(code).toBe(index);
  }
  expectTen(recording);
});

test('a remote editor (as VS Code does it): a script on the input of bash, -T and -D, then connections to its server', async () => {
  const socks = await freePort();
  const port = await freePort();
  // It unpacks a server, starts it, says where it listens, and stays for as long as the editor does.
  const script = `
echo "running on $(uname -s)"
/usr/bin/python3 -c '
import http.server, os
os.chdir("/")
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"page " + self.path.encode()
        self.send_response(200); self.send_header("content-length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", ${port}), H)
print("listeningOn==${port}==", flush=True)
server.serve_forever()
' &
trap 'kill $!' EXIT
wait
`;
  const { value: pages, recording } = await sut.recordedOne(async () => {
    await using editor = await startSsh(sut, 'dba', {
      before: ['-T', '-D', String(socks), '-o', 'ConnectTimeout=15'],
      command: ['bash'],
    });
    editor.child.stdin.write(script);
    await editor.said(`listeningOn==${port}==`);
    const get = (index: number) =>
      run('/usr/bin/python3', ['-c', socksGet, String(socks), String(port), `/${index}`]);
    const ends = await Promise.all(Array.from({ length: 12 }, (_, index) => get(index)));
    return ends.map(({ stdout }) => stdout.trim());
  });

  expect(pages).toEqual(Array.from({ length: 12 }, (_, index) => `page /${index}`));
  const kinds = recording.commands.map(({ kind }) => kind);
  expect(kinds.filter(kind => kind === 'exec')).toHaveLength(1);
  expect(kinds.filter(kind => kind === 'forward')).toHaveLength(12);
  // What the shell was given to run is in the recording.
  expect(recording.fromClient(2).head.toString()).toBe(script);
  expect(recording.faults).toEqual([]);
});

const socksGet = `
import socket, sys
proxy, port, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
s = socket.create_connection(("127.0.0.1", proxy))
s.sendall(b"\\x05\\x01\\x00"); s.recv(2)
s.sendall(b"\\x05\\x01\\x00\\x01\\x7f\\x00\\x00\\x01" + port.to_bytes(2, "big")); s.recv(10)
s.sendall(b"GET " + path.encode() + b" HTTP/1.0\\r\\n\\r\\n")
data = b""
while True:
    piece = s.recv(65536)
    if not piece: break
    data += piece
print(data.split(b"\\r\\n\\r\\n", 1)[1].decode())
`;

test('new keys during a transfer, at every MiB, change nothing in it', async () => {
  const there = join(sut.folder, 'rekeyed');
  const back = join(sut.folder, 'rekeyed-back');
  const digest = await randomFile(there, 16 * mebibyte);
  const settings = await sut.settings({ RekeyLimit: '1M', LogLevel: 'DEBUG1' });

  const { value: end, recording } = await sut.recordedOne(() =>
    run('sh', ['-c', `exec ssh -F '${settings}' gw cat <'${there}' >'${back}'`], {
      env: sut.env(sut.stack.ready.people['dev']!.token),
    }),
  );

  expect(end.code).toBe(0);
  expect(end.stderr.match(/SSH2_MSG_KEXINIT sent/g)!.length).toBeGreaterThan(8);
  expect(await sha256Of(back)).toBe(digest);
  expect(recording.toClient(2)).toMatchObject({ bytes: 16 * mebibyte, sha256: digest });
}, 120_000);
