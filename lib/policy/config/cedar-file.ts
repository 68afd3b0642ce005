import { checkParsePolicySet, type DetailedError } from '@cedar-policy/cedar-wasm/nodejs';
import { annotationNames, readAnnotations } from '#lib/policy/annotations.ts';
import { type PolicyJson, readPolicy } from '#lib/policy/cedar.ts';
import { blankCedar, type CedarPart, splitPolicies } from '#lib/policy/config/cedar-text.ts';
import type { Mistake } from '#lib/policy/config/mistake.ts';
import { didYouMean } from '#lib/policy/config/nearest.ts';
import { fromByteOffset, positionAt } from '#lib/policy/config/text-position.ts';

/** A policy that Cedar could read. */
export interface WrittenPolicy {
  readonly id: string | undefined;
  readonly json: PolicyJson;
  readonly text: string;
  readonly file: string;
  readonly line: number;
  /** A mistake at a part of its text, or where it begins when the text has no such part. */
  readonly mistakeAt: (part: string | undefined, message: string) => Mistake;
  /** A mistake where Cedar says, or where the policy begins when Cedar doesn't say. */
  readonly cedarMistake: (error: DetailedError) => Mistake;
}

const idPattern = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/;

/** Reads the policies of one file and finds all that is wrong with each of them taken alone. */
export function readCedarFile(
  file: string,
  text: string,
): { policies: WrittenPolicy[]; mistakes: Mistake[] } {
  const policies: WrittenPolicy[] = [];
  const mistakes: Mistake[] = [];
  for (const part of splitPolicies(text)) {
    const places = placesIn(file, text, part);
    const checked = checkParsePolicySet({ staticPolicies: { policy: part.text } });
    if (checked.type === 'failure') {
      mistakes.push(...checked.errors.map(places.cedarMistake));
      continue;
    }
    const json = readPolicy(part.text);
    const id = json.annotations?.['id'];
    const { line } = positionAt(text, part.start);
    const policy: WrittenPolicy = { id, json, text: part.text, file, line, ...places };
    policies.push(policy);
    mistakes.push(...annotationMistakes(policy));
  }
  return { policies, mistakes };
}

function placesIn(file: string, text: string, part: CedarPart) {
  const bare = blankCedar(part.text);
  const at = (offset: number, message: string): Mistake => ({
    file,
    ...positionAt(text, part.start + offset),
    message,
  });
  return {
    mistakeAt: (wanted: string | undefined, message: string): Mistake => {
      if (wanted === undefined) return at(0, message);
      // An annotation is looked for among the words; a name in quotes can only be found in the text.
      const found = (wanted.startsWith('@') ? bare : part.text).indexOf(wanted);
      return at(Math.max(found, 0), message);
    },
    cedarMistake: (error: DetailedError): Mistake => {
      const [place] = error.sourceLocations ?? [];
      const offset = place === undefined ? 0 : fromByteOffset(part.text, place.start);
      return at(offset, sentence(error, place?.label));
    },
  };
}

function sentence(error: DetailedError, label: string | null | undefined): string {
  const message = error.message
    .replace(/^failed to parse polic(y|ies)( with id `[^`]*`)? from string: /, '')
    .replace(/^for policy `[^`]*`, /, '');
  const more = [label, error.help].filter(text => typeof text === 'string' && text !== '');
  return [message, ...more].join('; ').replace(/(?<![.?!])$/, '.');
}

function annotationMistakes({ id, json, mistakeAt }: WrittenPolicy): Mistake[] {
  const raw = json.annotations ?? {};
  const mistakes: Mistake[] = [];
  if (id === undefined) {
    mistakes.push(
      mistakeAt(
        undefined,
        'The policy has no @id: write @id("a-name") before it. Decisions and records name it.',
      ),
    );
  } else if (!idPattern.test(id)) {
    mistakes.push(
      mistakeAt('@id', `@id("${id}") is not a name: letters, digits and _ . : - only, at most 128.`),
    );
  }
  for (const name of Object.keys(raw)) {
    if (!(annotationNames as readonly string[]).includes(name)) {
      const known = annotationNames.map(n => `@${n}`).join(', ');
      mistakes.push(
        mistakeAt(`@${name}`, `Nothing reads @${name}.${didYouMean(name, annotationNames)} Known: ${known}.`),
      );
    }
  }
  for (const { annotation, problem } of readAnnotations(raw).problems) {
    mistakes.push(mistakeAt(`@${annotation}`, `@${annotation}("${raw[annotation]}") ${problem}.`));
  }
  if (json.effect === 'forbid') {
    for (const name of ['approve', 'mask', 'reason', 'idle', 'max'].filter(n => raw[n] !== undefined)) {
      mistakes.push(
        mistakeAt(
          `@${name}`,
          `@${name} says nothing on a forbid, which lets nothing through: move it to a permit.`,
        ),
      );
    }
  }
  return mistakes;
}
