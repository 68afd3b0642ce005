import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { TranscriptPrinter } from '#cli/replay/print.ts';
import { readTranscript } from '#cli/replay/session-transcript.ts';
import { Metrics } from '#gateway/metrics.ts';
import { Gate } from '#gateway/pipeline/gate.ts';
import { SallyportError } from '#lib/errors.ts';
import type { Decision } from '#lib/policy/decision.ts';
import type { PolicyEngine } from '#lib/policy/engine.ts';
import { execProgram } from '#lib/ssh/commands.ts';
import { head, newId, type Reading, Recordings, read } from '../../support/recordings.ts';

let recordings: Recordings;
beforeEach(() => {
  recordings = new Recordings();
});
afterEach(() => {
  recordings.remove();
});

/** Of all tests together; each looks at what it has added. */
const metrics = new Metrics(
  () => [],
  () => 0,
);
const { command, details } = execProgram(Buffer.from('rm -rf /srv/shop'));
const own = new SallyportError('tooMany', 'the session does so already');

const decisionOf = (effect: Decision['effect']): Decision => ({
  effect,
  policies: [`${effect}-it`],
  message: 'not here',
  durability: 'local',
  version: `sha256:${'0'.repeat(64)}`,
  inputDigest: '0'.repeat(64),
});

/** What a session's recording has, and was counted, when `act` had its gate. */
async function recorded(
  { effect = 'allow', expired = false }: { effect?: Decision['effect']; expired?: boolean },
  act: (gate: Gate) => unknown,
) {
  const { allowed, denied } = metrics;
  const journal = await recordings.open();
  const id = newId();
  const session = journal.openSession(id, { ...head, protocol: 'ssh' });
  const decision = decisionOf(effect);
  const gate = new Gate(
    session,
    { use: () => {}, decide: () => decision },
    { expired: () => expired, engine: undefined as unknown as PolicyEngine },
    metrics,
  );
  gate.lastActivity = 0;
  const verdict = act(gate);
  session.end(JSON.stringify({ how: 'closed' }));
  await journal.close();
  await recordings.ship();
  const printer = new TranscriptPrinter();
  let shown = '';
  for await (const event of readTranscript(recordings.source(id), { rows: 10, bytes: 1024 })) {
    shown += printer.print(event);
  }
  const reading = await read(recordings.source(id));
  return {
    verdict,
    shown,
    lastActivity: gate.lastActivity,
    counted: { allowed: metrics.allowed - allowed, denied: metrics.denied - denied },
    totals: reading.summary.totals,
    refusals: refusalsOf(reading),
  };
}

const refusalsOf = ({ records }: Reading) =>
  records
    .filter(({ type, refused }) => type === 'error' && refused)
    .map(({ payload }) => JSON.parse(payload.toString()) as Record<string, unknown>);

const asked = { sha256: command.digest, bytes: command.bytes, kind: 'exec', command: 'rm -rf /srv/shop' };

describe('a command', () => {
  test('that policy lets pass is admitted, and nothing of it is refused', async () => {
    const { verdict, counted, refusals } = await recorded({}, gate => gate.admit(command, details));

    expect(verdict).not.toBeInstanceOf(SallyportError);
    expect({ counted, refusals }).toEqual({ counted: { allowed: 1, denied: 0 }, refusals: [] });
  });

  test('under a policy that is too old is refused, and the recording says of what', async () => {
    const { verdict, counted, totals, refusals, shown } = await recorded({ expired: true }, gate =>
      gate.admit(command, details),
    );

    expect(verdict).toMatchObject({ code: 'policyExpired' });
    expect(counted).toEqual({ allowed: 0, denied: 1 });
    expect(totals).toMatchObject({ commands: 0, refused: 1 });
    expect(refusals).toEqual([expect.objectContaining({ ...asked, code: 'policyExpired', decision: null })]);
    expect(shown).toMatch(/REFUSED exec\n\s+rm -rf \/srv\/shop\n\s+no decision\n\s+the policy is older/);
  });

  test('that the gateway refuses for a reason of its own counts as refused alone, with policy’s decision', async () => {
    const { verdict, counted, totals, refusals, shown } = await recorded({}, gate =>
      gate.admit(command, details, own),
    );

    expect(verdict).toBe(own);
    expect(counted).toEqual({ allowed: 0, denied: 1 });
    expect(totals).toMatchObject({ commands: 0, refused: 1 });
    expect(refusals).toEqual([expect.objectContaining({ ...asked, code: 'tooMany', decision: 1 })]);
    expect(shown).toContain('allow by allow-it');
  });

  test('that policy refuses is refused by it, whatever the gateway has against it', async () => {
    const { verdict, refusals } = await recorded({ effect: 'deny' }, gate =>
      gate.admit(command, details, own),
    );

    expect(verdict).toMatchObject({ code: 'denied' });
    expect(refusals).toEqual([expect.objectContaining({ ...asked, code: 'denied' })]);
  });

  test('that is not known is refused though policy lets it pass, and is no activity', async () => {
    const { refusals, counted, lastActivity } = await recorded({}, gate => gate.refuse(command, own));

    expect(refusals).toEqual([expect.objectContaining({ code: 'tooMany', decision: 1 })]);
    expect(counted).toEqual({ allowed: 0, denied: 1 });
    expect(lastActivity).toBe(0);
  });
});
