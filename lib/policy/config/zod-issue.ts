import { z } from 'zod';
import { didYouMean } from '#lib/policy/config/nearest.ts';
import { descriptionAt, keysAt, placesAt } from '#lib/policy/config/schema-at.ts';

type Path = readonly PropertyKey[];

interface Explained {
  readonly path: Path;
  readonly message: string;
}

/** Keys that people write when they mean to keep a secret in the configuration. */
const secretKey =
  /^(pass(word|wd|phrase)?|pwd|token|api[_-]?key|(private|secret|access)[_-]?key.*|client[_-]?secret)$/i;

/** What a schema has against a document, in sentences that say what to write. */
export function explainIssue(
  schema: z.ZodType,
  data: unknown,
  issue: z.core.$ZodIssue,
  prefix: Path = [],
): Explained[] {
  const path = [...prefix, ...issue.path];
  const name = path.length === 0 ? 'The file' : `"${String(path.at(-1))}"`;
  const about = descriptionAt(schema, path);
  const meaning = about === undefined ? '' : ` ${about}`;

  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map(key => ({
        path: [...path, key],
        message: unknownKey(key, keysAt(schema, path)),
      }));
    case 'invalid_type':
      if (valueAt(data, path) === undefined)
        return [{ path, message: `${name} is missing: add it.${meaning}` }];
      return [{ path, message: `${name} must be ${article(issue.expected)}.${meaning}` }];
    case 'invalid_value': {
      const values = issue.values.map(String);
      const written = String(valueAt(data, path));
      return [{ path, message: `${name} must be ${either(values)}.${didYouMean(written, values)}` }];
    }
    case 'invalid_key':
      // zod looks no further than the key, and the value may have mistakes of its own.
      return [
        { path, message: `${name} is not a name that can stand here. ${keyRule(issue)}` },
        ...placesAt(schema, path).flatMap(place => {
          const value = z.safeParse(place, valueAt(data, path));
          return value.success
            ? []
            : value.error.issues.flatMap(inner => explainIssue(schema, data, inner, path));
        }),
      ];
    case 'invalid_format':
      return [{ path, message: `${name} does not have the form it must have.${meaning}` }];
    case 'too_small':
    case 'too_big': {
      const [word, limit] = issue.code === 'too_small' ? ['least', issue.minimum] : ['most', issue.maximum];
      return [{ path, message: `${name} must have at ${word} ${limit} ${unitOf(issue.origin)}.${meaning}` }];
    }
    case 'invalid_union':
      return explainUnion(schema, data, issue, path);
    default:
      return [{ path, message: `${name}: ${issue.message}.${meaning}` }];
  }
}

function explainUnion(
  schema: z.ZodType,
  data: unknown,
  issue: z.core.$ZodIssueInvalidUnion,
  path: Path,
): Explained[] {
  const [nearest] = issue.errors.toSorted((a, b) => a.length - b.length);
  if (nearest !== undefined) return nearest.flatMap(inner => explainIssue(schema, data, inner, path));
  const name = String(path.at(-1));
  const written = valueAt(data, path);
  const options = discriminators(issue);
  return written === undefined
    ? [{ path, message: `"${name}" is missing: write ${name}: ${either(options)}.` }]
    : [{ path, message: `"${name}" must be ${either(options)}.${didYouMean(String(written), options)}` }];
}

function discriminators(issue: z.core.$ZodIssueInvalidUnion): string[] {
  return 'options' in issue && Array.isArray(issue.options) ? issue.options.map(String) : [];
}

function unknownKey(key: string, known: readonly string[]): string {
  if (secretKey.test(key)) {
    return `"${key}": secrets are never in the configuration. Put it in Secrets Manager, and the name of that secret under "secret".`;
  }
  return `Nothing is called "${key}" here.${didYouMean(key, known)} Known: ${known.join(', ')}.`;
}

function keyRule(issue: z.core.$ZodIssueInvalidKey): string {
  const [first] = issue.issues;
  return first !== undefined && first.code === 'invalid_format' && first.pattern !== undefined
    ? `It must match ${first.pattern}`
    : '';
}

function valueAt(data: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, key)
        ? (value as Record<PropertyKey, unknown>)[key]
        : undefined,
    data,
  );
}

function either(values: readonly string[]): string {
  return values.length <= 1 ? (values[0] ?? '') : `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
}

function article(type: string): string {
  const words: Record<string, string> = {
    object: 'a mapping',
    record: 'a mapping',
    array: 'a list',
    string: 'a text',
    number: 'a number',
    int: 'a whole number',
  };
  return words[type] ?? `a ${type}`;
}

function unitOf(origin: string): string {
  return origin === 'string' ? 'characters' : origin === 'array' ? 'entries' : '(as a number)';
}
