import { line } from '#cli/terminal-safe.ts';
import type { CommandFacts } from '#lib/command.ts';
import type { Principal } from '#lib/identity/principal.ts';
import type { Decision } from '#lib/policy/decision.ts';
import type { Answer, Explanation } from '#lib/policy/engine.ts';
import type { PolicyText } from '#lib/policy/snapshot.ts';

/** All that `explain` says; `--json` prints it as it is. */
export interface Report {
  readonly principal: Principal;
  readonly target: string;
  readonly place: string;
  readonly text: string;
  readonly connect: Decision;
  readonly facts: CommandFacts;
  /** Why the text could not be read. */
  readonly unread: string | undefined;
  readonly decision: Decision;
  readonly answers: readonly (Omit<Answer, 'policies'> & { readonly policies: readonly PolicyText[] })[];
}

/** Puts the policies themselves in place of their ids. */
export function withPolicies(
  { decision, answers }: Explanation,
  policies: readonly PolicyText[],
): Pick<Report, 'decision' | 'answers'> {
  return {
    decision,
    answers: answers.map(answer => ({
      ...answer,
      policies: policies.filter(policy => answer.policies.includes(policy.id)),
    })),
  };
}

/** The report for people. `config` is the folder that the policies' files are in. */
export function formatReport(report: Report, config: string): string {
  const { principal, connect, facts, decision } = report;
  const lines = [
    `${principal.name} (${principal.kind}; ${principal.groups.join(', ') || 'no groups'}) at ${report.target}, place ${report.place || 'its own'}`,
    `  ${report.text.trim().replaceAll('\n', '\n  ')}`,
    '',
    verdict(decision),
    ...(connect.effect === 'deny' ? [`The session itself would be refused: ${connect.message}`] : []),
    ...(report.unread === undefined ? [] : [`The text could not be read: ${report.unread}`]),
    '',
    `Facts: ${describe(facts)}`,
  ];
  for (const answer of report.answers) lines.push('', ...formatAnswer(answer, config));
  lines.push('', `Policy version ${decision.version}`);
  return `${lines.join('\n').split('\n').map(line).join('\n')}\n`;
}

function verdict(decision: Decision): string {
  if (decision.effect === 'deny') return `DENIED  ${decision.message}`;
  const follows = [
    `recorded at ${decision.durability}`,
    ...(decision.approve ?? []).map(name => `after approval by ${name}`),
    ...(decision.mask ?? []).map(name => `with ${name} masked`),
    ...(decision.reason === undefined ? [] : ['with a reason given']),
  ];
  return `ALLOWED  ${follows.join(', ')}`;
}

function describe({ protocol, verb, functions, risk }: CommandFacts): string {
  const sql = protocol !== 'ssh';
  const marks = [
    risk.writes ? 'writes' : 'reads only',
    ...(sql && risk.ddl ? ['changes definitions'] : []),
    ...(sql && risk.noWhere ? ['without WHERE'] : []),
    ...(risk.opaque ? ['opaque'] : []),
    ...(risk.unknownCode ? ['calls unknown code'] : []),
    `${risk.statements} ${sql ? 'statement' : 'command'}${risk.statements === 1 ? '' : 's'}`,
  ];
  const calls = functions.length === 0 ? '' : `; calls ${functions.join(', ')}`;
  return `${verb || '(empty)'}; ${marks.join(', ')}${calls}`;
}

function formatAnswer(answer: Report['answers'][number], config: string): string[] {
  const touched = answer.object ?? answer.objects.join(', ');
  const what = touched === '' ? answer.action : `${answer.action} on ${touched}`;
  return [
    `${answer.effect === 'allow' ? 'permitted' : 'denied   '}  ${what}`,
    ...answer.errors.map(error => `  error: ${error}`),
    ...(answer.policies.length === 0 ? [`  ${answer.message}`] : []),
    ...answer.policies.flatMap(policy => [
      `  ${policy.id}  ${config}/${policy.file}:${policy.line}`,
      ...policy.text.split('\n').map(line => `    ${line}`),
    ]),
  ];
}
