import { z } from 'zod';

const keptCharacters = z.int().min(1).max(8);

/** What becomes of a value. All but `partial` hide its length. */
export const maskKind = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('redact') }).describe('A fixed value of the same type.'),
    z.strictObject({ kind: z.literal('null') }).describe('NULL.'),
    z
      .strictObject({
        kind: z.literal('partial'),
        keep: z
          .enum(['last', 'domain'])
          .describe('The last characters, or what follows the @ of an e-mail address.'),
        characters: keptCharacters.default(4).describe('How many, with keep: last.'),
      })
      .describe('A part of the value stays.'),
    z.strictObject({ kind: z.literal('hash') }).describe('HMAC-SHA-256: equal values stay equal.'),
    z
      .strictObject({
        kind: z.literal('pseudonym'),
        per: z
          .enum(['deployment', 'session'])
          .default('deployment')
          .describe('How far equal values stay equal.'),
      })
      .describe('Another value of the same form.'),
    z
      .strictObject({ kind: z.literal('date'), to: z.enum(['month', 'year', 'decade']) })
      .describe('A date cut to its month, year or decade.'),
    z
      .strictObject({ kind: z.literal('bucket'), size: z.number().positive() })
      .describe('A number rounded down to a multiple of size.'),
  ])
  .describe('What becomes of a value of the class.');

/** `pii.email`, `pci.pan`. */
export const maskClassName = z
  .string()
  .regex(/^[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_-]*)*$/)
  .max(128);

const assignment = z
  .union([
    z
      .strictObject({
        column: z
          .string()
          .regex(/^[^.]+\.[^.]+\.[^.]+\.[^.]+$/)
          .describe('target.schema.table.column'),
        class: maskClassName,
      })
      .describe('One column.'),
    z
      .strictObject({
        pattern: z
          .string()
          .regex(/^[^.]+\.[^.]+\.[^.]+\.[^.]+$/)
          .describe('target.schema.table.column, where * stands for any characters within a name.'),
        class: maskClassName,
      })
      .describe('All columns of a pattern of names.'),
    z
      .strictObject({
        tag: z.string().min(1).max(256).describe('Text of a column comment or security label.'),
        class: maskClassName,
      })
      .describe('All columns that carry a tag in the catalogue.'),
  ])
  .describe('Which columns belong to a class.');

export const masksSchema = z
  .strictObject({
    classes: z
      .record(maskClassName, maskKind)
      .default({})
      .describe('Classes of sensitive data, by the name that @mask uses, and what becomes of their values.'),
    assignments: z.array(assignment).max(10_000).default([]).describe('What belongs to which class.'),
  })
  .describe('Which data is sensitive, and what a masked reader sees instead.');

export type MaskKind = z.output<typeof maskKind>;
export type Masks = z.output<typeof masksSchema>;
