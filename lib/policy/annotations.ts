import type { Durability } from '#lib/policy/decision.ts';
import { parseDurationMs } from '#lib/policy/duration.ts';

/** What a policy says beside permit and forbid. */
export interface Annotations {
  readonly message: string | undefined;
  readonly durability: Durability | undefined;
  readonly approve: readonly string[];
  readonly mask: readonly string[];
  readonly filesHashed: boolean;
  readonly reasonRequired: boolean;
  readonly idleTimeoutMs: number | undefined;
  readonly maxSessionMs: number | undefined;
}

export const annotationNames = [
  'id',
  'message',
  'durability',
  'approve',
  'mask',
  'files',
  'reason',
  'idle',
  'max',
] as const;

/** The annotations of a policy, and a sentence for each that does not say anything. */
export function readAnnotations(raw: Readonly<Record<string, string>>): {
  readonly annotations: Annotations;
  readonly problems: readonly { readonly annotation: string; readonly problem: string }[];
} {
  const problems: { annotation: string; problem: string }[] = [];

  const duration = (annotation: string): number | undefined => {
    const text = raw[annotation];
    if (text === undefined) return undefined;
    const ms = parseDurationMs(text);
    if (ms === undefined)
      problems.push({ annotation, problem: 'is not a duration: write 90s, 15m, 8h or 1d' });
    return ms;
  };
  const names = (annotation: string): string[] => {
    const text = raw[annotation];
    if (text === undefined) return [];
    const list = text.split(',').map(name => name.trim());
    if (list.includes(''))
      problems.push({ annotation, problem: 'names nothing: write a name, or several with commas' });
    return list.filter(name => name !== '');
  };

  const durability = raw['durability'];
  if (durability !== undefined && !isDurability(durability)) {
    problems.push({ annotation: 'durability', problem: 'is not a durability: write strict, local or async' });
  }
  const reason = raw['reason'];
  if (reason !== undefined && reason !== 'required') {
    problems.push({
      annotation: 'reason',
      problem: 'says nothing: write @reason("required") or leave it out',
    });
  }

  const files = raw['files'];
  if (files !== undefined && files !== 'hashed') {
    problems.push({
      annotation: 'files',
      problem: 'says nothing: write @files("hashed"), or leave it out and files are kept',
    });
  }

  const annotations: Annotations = {
    message: raw['message'],
    durability: isDurability(durability) ? durability : undefined,
    approve: names('approve'),
    mask: names('mask'),
    filesHashed: files !== undefined,
    reasonRequired: reason !== undefined,
    idleTimeoutMs: duration('idle'),
    maxSessionMs: duration('max'),
  };
  return { annotations, problems };
}

function isDurability(text: string | undefined): text is Durability {
  return text === 'strict' || text === 'local' || text === 'async';
}

const strictness: readonly Durability[] = ['async', 'local', 'strict'];

/** What follows from a decision, beside its effect. */
export interface Consequences {
  readonly durability: Durability;
  readonly approve?: readonly string[];
  readonly mask?: readonly string[];
  readonly files?: 'hashed';
  readonly reason?: 'required';
  readonly idleTimeoutMs?: number;
  readonly maxSessionMs?: number;
}

/**
 * The strictest of each: the most durable record, every approval, every mask, the shortest time. A policy that
 * names no durability means `local`, so `async` holds only where every deciding policy says it; and so it is with
 * files, which are kept where any policy does not say that their digest is enough.
 */
export function combine(all: readonly Annotations[], limits: 'with limits' | 'without limits'): Consequences {
  const durability = all.reduce<Durability | undefined>((strictest, { durability: own = 'local' }) => {
    return strictest === undefined || strictness.indexOf(own) > strictness.indexOf(strictest)
      ? own
      : strictest;
  }, undefined);
  const approve = union(all.map(a => a.approve));
  const mask = union(all.map(a => a.mask));
  const idle = smallest(all.map(a => a.idleTimeoutMs));
  const max = smallest(all.map(a => a.maxSessionMs));
  return {
    durability: durability ?? 'local',
    ...(approve.length > 0 ? { approve } : {}),
    ...(mask.length > 0 ? { mask } : {}),
    ...(all.length > 0 && all.every(a => a.filesHashed) ? { files: 'hashed' as const } : {}),
    ...(all.some(a => a.reasonRequired) ? { reason: 'required' as const } : {}),
    ...(limits === 'with limits' && idle !== undefined ? { idleTimeoutMs: idle } : {}),
    ...(limits === 'with limits' && max !== undefined ? { maxSessionMs: max } : {}),
  };
}

function union(lists: readonly (readonly string[])[]): string[] {
  return [...new Set(lists.flat())].sort();
}

function smallest(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter(value => value !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
