import { policySetTextToParts } from '@cedar-policy/cedar-wasm/nodejs';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { splitPolicies } from '#lib/policy/config/cedar-text.ts';

const texts = (text: string) => splitPolicies(text).map(part => part.text);

describe('a file of policies', () => {
  test('is cut at semicolons, but not at those in strings and comments', () => {
    const one = '@message("a; \\"b\\"; // c") permit(principal, action, resource) // d; "e\n;';
    const two = 'forbid(principal, action, resource);';

    expect(texts(`// x; y\n${one}\n\n// "z;\n${two} // end;`)).toEqual([one, two]);
  });

  test('ends with a part of its own where a semicolon is missing', () => {
    expect(texts('permit(a);\n permit(b) // c\n')).toEqual(['permit(a);', 'permit(b)']);
    expect(texts(' \n// nothing\n')).toEqual([]);
  });

  test('has the same policies for Cedar, each where it says', () => {
    const piece = fc.constantFrom(
      'permit(principal, action, resource);',
      '@id("a;b") forbid(principal, action, resource) when { "\\"; //" == principal.name };',
      '@message("// no comment") permit(principal, action, resource) unless { context has "x;y" };',
      '// a comment; with "quotes\n',
      '\n',
      ' ',
    );

    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), pieces => {
        const text = pieces.join('');
        const parts = splitPolicies(text);
        const cedar = policySetTextToParts(text);
        expect(cedar.type === 'success' && cedar.policies.toSorted()).toEqual(
          parts.map(part => part.text).sort(),
        );
        for (const part of parts) expect(text.startsWith(part.text, part.start)).toBe(true);
      }),
    );
  });

  test('of any text whatever is cut without losing a word', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('"', '\\', '/', ';', '\n', 'a', ' ', 'ü') }), text => {
        const parts = splitPolicies(text);
        const outside = parts.reduceRight(
          (rest, { start, text: part }) => rest.slice(0, start) + rest.slice(start + part.length),
          text,
        );
        // Only white space, comments and strings that begin nothing may lie between.
        expect(outside.replace(/\/\/[^\n]*|"(?:[^"\\]|\\[\s\S])*"/g, '').trim()).toBe('');
      }),
    );
  });
});
