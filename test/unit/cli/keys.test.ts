import { describe, expect, test } from '@jest/globals';
import { Command } from 'commander';
import type { Io } from '#cli/io.ts';
import { keysCommand } from '#cli/keys.ts';
import type { KeySummary } from '#lib/aws/control-api.ts';

const ready = {
  gateway: {},
  people: { dev: { email: 'dev@example.com', token: 'dev-token' } },
  control: { url: 'http://127.0.0.1:8080' },
};
const fingerprint = 'SHA256:+/++//+jbDxEXfQm8uWhBxNwyjAh2kT0PqeIk6lI0Vc';
const key: KeySummary = {
  fingerprint,
  keyType: 'ssh-ed25519',
  principal: { issuer: 'https://id.example', subject: 'dev', name: 'dev@example.com' },
  boundAt: Date.UTC(2026, 0, 15, 12),
  boundFrom: '192.0.2.1',
  lastUsedAt: Date.UTC(2026, 0, 15, 13),
  lastUsedFrom: '192.0.2.2',
  endsAt: Date.UTC(2026, 0, 16),
};

function given(body: unknown, status = 200) {
  const calls: { url: string; method: string | undefined }[] = [];
  const printed = { out: '', err: '' };
  const io: Io = {
    env: {},
    fetch: (async (url: URL, init: RequestInit) => {
      calls.push({ url: url.href, method: init.method });
      return Response.json(body, { status });
    }) as typeof fetch,
    readFile: async () => JSON.stringify(ready),
    out: text => (printed.out += text),
    err: text => (printed.err += text),
  };
  const run = (...words: string[]) => {
    const command = keysCommand(io);
    for (const each of [command, ...command.commands]) {
      each.exitOverride().configureOutput({ writeErr: () => {} });
    }
    const program = new Command('sallyport').enablePositionalOptions();
    return program.addCommand(command).parseAsync(['keys', ...words], { from: 'user' });
  };
  return { calls, printed, run };
}

describe('sallyport keys', () => {
  test('lists who is signed in by which key, from where and until when', async () => {
    const { run, calls, printed } = given({ keys: [key], truncated: false });

    await run('--as', 'dev');

    expect(calls).toEqual([{ url: 'http://127.0.0.1:8080/v1/keys', method: 'GET' }]);
    expect(printed.out.split('\n')[1]?.split(/ {2,}/)).toEqual([
      fingerprint,
      'dev@example.com',
      '2026-01-15 12:00:00Z',
      '192.0.2.1',
      '2026-01-15 13:00:00Z',
      '192.0.2.2',
      '2026-01-16 00:00:00Z',
    ]);
    expect(printed.err).toBe('');
  });

  test('prints one JSON object a line for machines, of one principal where asked', async () => {
    const other = { ...key, principal: { ...key.principal, subject: 'dba', name: 'dba@example.com' } };
    const { run, printed } = given({ keys: [key, other], truncated: true });

    await run('--as', 'dev', '--json', '--principal', 'dba@');

    expect(JSON.parse(printed.out)).toEqual(other);
    expect(printed.err).toBe('There are more than are listed here.\n');
  });

  test('says so when there is none', async () => {
    const { run, printed } = given({ keys: [], truncated: false });

    await run('--as', 'dev');

    expect(printed.err).toBe('There is no such key.\n');
  });

  test('is not moved by a comment that would drive a terminal', async () => {
    for (const comment of ['\x1b[2J', 'x\ny', '\u202eabc']) {
      const { run, printed } = given({ keys: [{ ...key, comment }], truncated: false });

      await expect(run('--as', 'dev')).rejects.toMatchObject({ name: 'Failure' });
      expect(printed.out).toBe('');
    }
  });

  test('shows what a name hides', async () => {
    const principal = { ...key.principal, name: 'x\ufe0fadmin' };
    const { run, printed } = given({ keys: [{ ...key, principal }], truncated: false });

    await run('--as', 'dev');

    expect(printed.out).toContain('x\\ufe0fadmin');
  });
});

describe('sallyport keys revoke', () => {
  const answer = { fingerprint, principal: key.principal };

  test('names the key in a form that a path can hold', async () => {
    const { run, calls, printed } = given(answer);

    await run('revoke', fingerprint, '--as', 'dev');

    expect(calls).toEqual([
      {
        url: 'http://127.0.0.1:8080/v1/keys/SHA256:-_--__-jbDxEXfQm8uWhBxNwyjAh2kT0PqeIk6lI0Vc',
        method: 'DELETE',
      },
    ]);
    expect(printed.out).toBe(
      `${fingerprint} of dev@example.com signs nobody in any more; sessions that it opened go on ("sallyport sessions --live").\n`,
    );
  });

  test('tells a refusal in the control plane’s own words', async () => {
    const { run } = given({ title: 'You have no such key.', status: 404, code: 'notFound' }, 404);

    await expect(run('revoke', fingerprint, '--as', 'dev')).rejects.toMatchObject({
      name: 'Failure',
      message: 'You have no such key.',
    });
  });

  test.each(['SHA256:short', 'MD5:00:11', '', '../../sessions', `${fingerprint}x`])(
    'asks nothing about %p, and says what a fingerprint is',
    async text => {
      const { run, calls } = given(answer);

      await expect(run('revoke', text, '--as', 'dev')).rejects.toMatchObject({ name: 'UsageError' });
      expect(calls).toEqual([]);
    },
  );
});
