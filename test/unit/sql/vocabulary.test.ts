import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, test } from '@jest/globals';
import { vocabulary } from '#lib/sql/analyze.ts';
import { builtinEffect } from '#lib/sql/builtins.ts';
import { catalogFunctions, volatileFunctions } from '#lib/sql/catalog-functions.ts';
import { majors } from '#lib/sql/grammar.ts';
import { fieldType } from '#lib/sql/tree.ts';
import { wasmFile } from '#lib/sql/wasm-file.ts';

/** Types that libpg_query can write, from the strings of its code: `"SelectStmt":{`. */
function typesOf(major: number): readonly string[] {
  const code = readFileSync(wasmFile(major), 'latin1');
  return [...new Set([...code.matchAll(/"([A-Z][A-Za-z_]+)":\{/g)].map(found => found[1] as string))];
}

/**
 * Statements among them that no raw tree holds: RawStmt is taken apart before, PL/pgSQL's assignment is parsed in
 * another mode, SetOperationStmt comes of analysis, and PLpgSQL_ are another parser's.
 */
const notInRawTrees = /^(RawStmt|PLAssignStmt|SetOperationStmt|PLpgSQL_.*)$/;

describe.each(majors)('the grammar of PostgreSQL %i', major => {
  test('writes no statement that nobody has said the effects of', () => {
    const statements = typesOf(major).filter(type => type.endsWith('Stmt') && !notInRawTrees.test(type));

    const unclassified = statements.filter(
      type => !Object.hasOwn(vocabulary.readers, type) && !vocabulary.plain.has(type),
    );

    expect(statements.length).toBeGreaterThan(105);
    expect(unclassified).toEqual([]);
  });

  test('writes no bare field whose type is not known', () => {
    const fixed = fixedTypes(major);

    const wrong = fixed.filter(({ parent, field, type }) => fieldType(parent, field) !== type);

    expect(fixed.length).toBeGreaterThan(80);
    expect(wrong).toEqual([]);
  });
});

test('the vocabulary names no type that no grammar writes', () => {
  const written = new Set(majors.flatMap(typesOf));
  const known = [...Object.keys(vocabulary.readers), ...vocabulary.plain];

  expect(known.filter(type => !written.has(type))).toEqual([]);
});

/** Fields of raw trees that hold one fixed type, from the declarations that come with each grammar. */
function fixedTypes(major: number): { parent: string; field: string; type: string }[] {
  const from = createRequire(createRequire(import.meta.url).resolve(`pg${major}/package.json`));
  const source = readFileSync(from.resolve('@pgsql/types/types.d.ts'), 'utf8');
  const declarations = [...source.matchAll(/export interface (\w+) \{(.*?)\n\}/gs)];
  const types = new Set(declarations.map(found => found[1] as string));
  return declarations.flatMap(([, parent, body]) => {
    const known =
      Object.hasOwn(vocabulary.readers, parent as string) || vocabulary.plain.has(parent as string);
    // Literals are read as they stand.
    if (!known || parent === 'A_Const') return [];
    return [...(body as string).matchAll(/^\s+(\w+)\??: (\w+);$/gm)]
      .map(([, field, type]) => ({ parent: parent as string, field: field as string, type: type as string }))
      .filter(
        ({ type, field }) =>
          types.has(type) && type !== 'Node' && !filledByAnalysis.has(`${parent}.${field}`),
      );
  });
}

/** Fields that only parse analysis fills. */
const filledByAnalysis = new Set(['CallStmt.funcexpr', 'IntoClause.viewQuery']);

describe('functions of pg_catalog', () => {
  const volatile = volatileFunctions.trim().split(/\s+/);

  test.each(majors)('that are volatile have been looked at one by one in PostgreSQL %i', major => {
    const names = catalogFunctions
      .filter(({ first, last }) => first <= major && major <= last)
      .flatMap(group => group.names.trim().split(/\s+/));

    const unknown = names.filter(name => builtinEffect(name, major) === undefined);

    expect(names.length).toBeGreaterThan(2400);
    expect(names.filter(name => volatile.includes(name)).length).toBeGreaterThan(200);
    expect(unknown).toEqual([]);
  });

  test('are those of the major version', () => {
    expect(builtinEffect('pg_start_backup', 14)).toBe('admin');
    expect(builtinEffect('pg_start_backup', 15)).toBeUndefined();
    expect(builtinEffect('uuidv7', 17)).toBeUndefined();
    expect(builtinEffect('uuidv7', 18)).toBe('none');
    expect(builtinEffect('constructor', 15)).toBeUndefined();
  });
});
