import { isMap, isNode, isScalar, LineCounter, type Node, type ParsedNode, parseDocument } from 'yaml';
import type { z } from 'zod';
import type { Mistake } from '#lib/policy/config/mistake.ts';
import { explainIssue } from '#lib/policy/config/zod-issue.ts';

type Path = readonly PropertyKey[];

/** A YAML file held to a schema. */
export interface YamlFile<T> {
  /** `undefined` when there is a mistake. */
  readonly value: T | undefined;
  readonly mistakes: readonly Mistake[];
  /** What stands in the file, held to nothing; `undefined` when it is not YAML. */
  readonly data: unknown;
  /** A mistake about the value at a path, found by whoever knows more than the schema. */
  readonly mistakeAt: (path: Path, message: string) => Mistake;
}

/** Reads all of a file and finds all that is wrong with it. An empty file is an empty mapping. */
export function readYaml<T extends z.ZodType>(file: string, text: string, schema: T): YamlFile<z.output<T>> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });

  const at = (offset: number, message: string): Mistake => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col, message };
  };
  const mistakeAt = (path: Path, message: string) => at(offsetOf(document.contents, path), message);

  const syntax = [...document.errors, ...document.warnings].map(error =>
    at(error.pos[0], `${error.message.replace(/\.?$/, '.')} This is not YAML as Sallyport reads it.`),
  );
  if (syntax.length > 0) return { value: undefined, mistakes: syntax, data: undefined, mistakeAt };

  const data: unknown = document.toJS({ maxAliasCount: 100 }) ?? {};
  const parsed = schema.safeParse(data);
  if (parsed.success) return { value: parsed.data, mistakes: [], data, mistakeAt };
  const mistakes = parsed.error.issues
    .flatMap(issue => explainIssue(schema, data, issue))
    .map(({ path, message }) => mistakeAt(path, message));
  return { value: undefined, mistakes, data, mistakeAt };
}

/** Where the key of the deepest part of the path is that the document has, or the item of a list. */
function offsetOf(contents: ParsedNode | null, path: Path): number {
  let node: unknown = contents;
  let offset = startOf(contents) ?? 0;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find(item => isScalar(item.key) && String(item.key.value) === String(key));
      if (pair === undefined) return offset;
      offset = startOf(pair.key) ?? offset;
      node = pair.value;
    } else {
      node =
        isNode(node) && 'get' in node
          ? (node as { get: (k: unknown, keep: true) => unknown }).get(key, true)
          : null;
      const start = startOf(node);
      if (start === undefined) return offset;
      offset = start;
    }
  }
  return offset;
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? (node as Node).range?.[0] : undefined;
}
