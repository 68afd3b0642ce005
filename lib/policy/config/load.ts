import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import { approvalsSchema } from '#lib/policy/config/approvals.ts';
import { readCedarFile } from '#lib/policy/config/cedar-file.ts';
import { withCertificates } from '#lib/policy/config/certificates.ts';
import { type Masks, masksSchema } from '#lib/policy/config/masks.ts';
import { type Mistake, sortMistakes } from '#lib/policy/config/mistake.ts';
import { didYouMean } from '#lib/policy/config/nearest.ts';
import { checkPolicies } from '#lib/policy/config/policy-rules.ts';
import { findSecrets } from '#lib/policy/config/secrets.ts';
import { targetsSchema } from '#lib/policy/config/targets.ts';
import { readYaml, type YamlFile } from '#lib/policy/config/yaml-file.ts';
import { type Snapshot, SnapshotError, sealSnapshot } from '#lib/policy/snapshot.ts';

/** A configuration that holds, or everything that is wrong with it. */
export type LoadedConfig =
  | { readonly snapshot: Snapshot; readonly mistakes: readonly [] }
  | { readonly snapshot: undefined; readonly mistakes: readonly Mistake[] };

const maxFileBytes = 1_048_576;
const policiesFolder = 'policies';

/** The words that policies can use. It ships with the product, and travels in each snapshot. */
export const schemaFile = new URL('../schema.cedarschema', import.meta.url);

/**
 * Reads the whole configuration folder: targets.yaml, approvals.yaml, masks.yaml and policies/*.cedar. Finds every
 * mistake in every file before it answers. Throws only when the product's own schema cannot be read.
 */
export function loadConfig(dir: string): LoadedConfig {
  const mistakes: Mistake[] = [];
  const text = (file: string, ifMissing: string): string | undefined => {
    const read = readText(dir, file, ifMissing);
    if (typeof read !== 'string') {
      mistakes.push(read);
      return undefined;
    }
    mistakes.push(...findSecrets(file, read));
    return read;
  };
  const yaml = <T extends z.ZodType>(file: string, schema: T): YamlFile<z.output<T>> | undefined => {
    const read = text(file, `There is no ${file}: create it, and leave it empty if there is nothing to say.`);
    if (read === undefined) return undefined;
    const parsed = readYaml(file, read, schema);
    mistakes.push(...parsed.mistakes);
    return parsed;
  };

  const targetsYaml = yaml('targets.yaml', targetsSchema);
  const approvalsYaml = yaml('approvals.yaml', approvalsSchema);
  const masksYaml = yaml('masks.yaml', masksSchema);
  const { targets, mistakes: badCertificates } =
    targetsYaml === undefined ? { targets: undefined, mistakes: [] } : withCertificates(dir, targetsYaml);
  mistakes.push(...badCertificates);
  const names = {
    targets: keysOf(targetsYaml?.data),
    approvals: keysOf(approvalsYaml?.data),
    maskClasses: keysOf(propertyOf(masksYaml?.data, 'classes')),
  };
  if (masksYaml?.value !== undefined) {
    mistakes.push(...maskMistakes(masksYaml, masksYaml.value, names.targets));
  }

  const schema = readFileSync(schemaFile, 'utf8');
  const files = cedarFiles(dir).map(file => ({ file, text: text(file, `${file} cannot be read.`) }));
  if (files.length === 0) {
    const message = `There is no ${policiesFolder}/*.cedar: without a policy everything is denied.`;
    mistakes.push({ file: policiesFolder, line: 1, column: 1, message });
  }
  const read = files.flatMap(({ file, text }) => (text === undefined ? [] : [readCedarFile(file, text)]));
  const policies = read.flatMap(file => file.policies);
  mistakes.push(...read.flatMap(file => file.mistakes));
  mistakes.push(...checkPolicies(policies, schema, names));

  const approvals = approvalsYaml?.value;
  const masks = masksYaml?.value;
  if (mistakes.length > 0 || targets === undefined || approvals === undefined || masks === undefined) {
    return { snapshot: undefined, mistakes: sortMistakes(mistakes) };
  }
  const texts = policies.map(({ id = '', file, line, text }) => ({ id, file, line, text }));
  try {
    const snapshot = sealSnapshot({ schema, policies: texts, targets, approvals, masks });
    return { snapshot, mistakes: [] };
  } catch (error) {
    if (!(error instanceof SnapshotError)) throw error;
    return { snapshot: undefined, mistakes: [{ file: '.', line: 1, column: 1, message: error.message }] };
  }
}

/** The names in a mapping, whatever they stand for. */
function keysOf(data: unknown): string[] | undefined {
  return typeof data === 'object' && data !== null ? Object.keys(data) : undefined;
}

function propertyOf(data: unknown, key: string): unknown {
  if (data === undefined) return undefined;
  const value: unknown =
    typeof data === 'object' && data !== null
      ? Object.entries(data).find(([k]) => k === key)?.[1]
      : undefined;
  return value ?? {};
}

function maskMistakes(
  yaml: YamlFile<Masks>,
  masks: Masks,
  targets: readonly string[] | undefined,
): Mistake[] {
  const classes = Object.keys(masks.classes);
  return masks.assignments.flatMap((assignment, index) => {
    const found: Mistake[] = [];
    if (!classes.includes(assignment.class)) {
      const message = `There is no class "${assignment.class}": add it under classes.${didYouMean(assignment.class, classes)}`;
      found.push(yaml.mistakeAt(['assignments', index, 'class'], message));
    }
    const [target = ''] = 'column' in assignment ? assignment.column.split('.') : [];
    if (target !== '' && targets !== undefined && !targets.includes(target)) {
      const message = `targets.yaml has no "${target}": add it there or name another.${didYouMean(target, targets)}`;
      found.push(yaml.mistakeAt(['assignments', index, 'column'], message));
    }
    return found;
  });
}

function cedarFiles(dir: string): string[] {
  try {
    return readdirSync(join(dir, policiesFolder))
      .filter(name => name.endsWith('.cedar'))
      .sort()
      .map(name => `${policiesFolder}/${name}`);
  } catch {
    return [];
  }
}

function readText(dir: string, file: string, ifMissing: string): string | Mistake {
  const mistake = (message: string): Mistake => ({ file, line: 1, column: 1, message });
  try {
    const path = join(dir, file);
    const { size } = statSync(path);
    if (size > maxFileBytes)
      return mistake(`${file} has ${size} bytes, the limit is ${maxFileBytes}: split or shorten it.`);
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    if (error instanceof TypeError) return mistake(`${file} is not UTF-8: save it as UTF-8.`);
    return mistake(ifMissing);
  }
}
