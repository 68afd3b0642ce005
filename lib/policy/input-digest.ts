import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { DecisionInput } from '#lib/policy/decision.ts';
import { minuteOf } from '#lib/policy/request.ts';

/**
 * SHA-256, lower-case hex, over the canonical form (RFC 8785) of what policy was asked. The time, as the minute
 * since the epoch, is part of the question only where a policy looks at it.
 */
export function inputDigest(input: DecisionInput, timeMatters: boolean): string {
  const { principal, target, command, context } = input;
  const asked = {
    principal: {
      issuer: principal.issuer,
      subject: principal.subject,
      name: principal.name,
      kind: principal.kind,
      groups: sorted(principal.groups),
      onBehalfOf: principal.onBehalfOf ?? null,
    },
    target: { name: target.name, protocol: target.protocol, tags: target.tags },
    command:
      command === undefined
        ? null
        : {
            protocol: command.protocol,
            verb: command.verb,
            operations: command.operations.map(o => ({ action: o.action, objects: sorted(o.objects) })),
            functions: sorted(command.functions),
            risk: command.risk,
          },
    context: {
      place: context.place ?? '',
      sourceAddress: context.sourceAddress,
      grant: context.grant ?? null,
      minute: timeMatters ? minuteOf(context.now) : null,
    },
  };
  return createHash('sha256')
    .update(canonicalize(asked) as string)
    .digest('hex');
}

function sorted(names: readonly string[]): string[] {
  return [...new Set(names)].sort();
}
