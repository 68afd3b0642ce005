import { z } from 'zod';

type Path = readonly PropertyKey[];

/** The schemas that a place of a document may be held to, through wrappers, records, lists and unions. */
export function schemasAt(schema: z.core.$ZodType, path: Path): z.core.$ZodType[] {
  const all = members(schema);
  const [key, ...rest] = path;
  if (key === undefined) return all;
  return all.flatMap(member => childrenAt(member, key).flatMap(child => schemasAt(child, rest)));
}

/** The keys that an object at this place may have. */
export function keysAt(schema: z.core.$ZodType, path: Path): string[] {
  const objects = schemasAt(schema, path).filter(member => member instanceof z.ZodObject);
  return [...new Set(objects.flatMap(object => Object.keys(object.shape)))];
}

/** The schemas of a place as they were written, wrappers and unions whole. */
export function placesAt(schema: z.core.$ZodType, path: Path): z.core.$ZodType[] {
  const key = path.at(-1);
  if (key === undefined) return [schema];
  return schemasAt(schema, path.slice(0, -1)).flatMap(parent => childrenAt(parent, key));
}

/** What the schema says about a place, in the words of its `describe`. */
export function descriptionAt(schema: z.core.$ZodType, path: Path): string | undefined {
  return placesAt(schema, path)
    .flatMap(layers)
    .map(layer => z.globalRegistry.get(layer)?.description)
    .find(description => description !== undefined);
}

function childrenAt(schema: z.core.$ZodType, key: PropertyKey): z.core.$ZodType[] {
  if (schema instanceof z.ZodObject) {
    const child: z.core.$ZodType | undefined = schema.shape[String(key)];
    return child === undefined ? [] : [child];
  }
  if (schema instanceof z.ZodRecord) return [schema.valueType];
  if (schema instanceof z.ZodArray) return [schema.element];
  return [];
}

/** A schema without its wrappers, and every member of a union. */
function members(schema: z.core.$ZodType): z.core.$ZodType[] {
  const inner = layers(schema).at(-1) ?? schema;
  if (inner instanceof z.ZodUnion) return inner.options.flatMap(members);
  return [inner];
}

function layers(schema: z.core.$ZodType): z.core.$ZodType[] {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional) {
    return [schema, ...layers(schema.unwrap())];
  }
  return [schema];
}
