import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sampleSecret } from '#local/ssh-gateway.ts';
import { type SshStack, startSshStack } from './ssh-stack.ts';

let sut: SshStack;
beforeAll(async () => {
  sut = await startSshStack({
    targets: { 'web-2': { protocol: 'ssh', secret: 'sallyport/targets/web-2', signIn: 'certificate' } },
  });
  await sut.stack.putSecret('sallyport/targets/web-2', sampleSecret(sut.stack.ssh!.sample));
}, 120_000);
afterAll(() => sut?.stop(), 30_000);

/** `sallyport ticket`, as a person runs it. */
async function ticketFor(person: 'dev' | 'dba', target = 'web-1'): Promise<string> {
  const end = await sut.cli(person, 'ticket', target);
  expect(end).toMatchObject({ code: 0 });
  return end.stdout.trim().split('\n').at(-1)!;
}
const by = (credential: string, target = 'web-1') =>
  sut.ssh('dev', ['echo in'], { credential, settings: { User: target } });

test('a ticket as the password signs in whom it was made for, once', async () => {
  const ticket = await ticketFor('dba');

  const { value: first, recording } = await sut.recordedOne(() => by(ticket));
  const second = await by(ticket);

  expect(first).toMatchObject({ code: 0, stdout: 'in\n' });
  expect(recording.open).toMatchObject({ principal: { name: 'dba@shop.example' } });
  expect(recording.everything.includes(ticket)).toBe(false);
  expect(second.code).toBe(255);
  expect(second.stderr).toContain('Sallyport: ');
});

test('a ticket for one target does not open another', async () => {
  const ticket = await ticketFor('dba', 'web-2');

  const elsewhere = await by(ticket);
  const there = await by(await ticketFor('dba', 'web-2'), 'web-2');

  expect(elsewhere.code).toBe(255);
  expect(there).toMatchObject({ code: 0, stdout: 'in\n' });
});

test('a ticket opens nothing that its owner may not open', async () => {
  const end = await by(await ticketFor('dev', 'web-2'), 'web-2');

  expect(end.code).toBe(255);
  expect(end.stderr).toMatch(/Sallyport: .*web-2/);
});

test('scp takes a ticket as well', async () => {
  const ticket = await ticketFor('dev');

  const end = await sut.stock('dev', 'scp', ['/etc/hostname', `gw:${sut.place}/hostname`], {
    credential: ticket,
  });

  expect(end).toMatchObject({ code: 0 });
});
