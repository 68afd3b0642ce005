import { z } from 'zod';
import { approvalsSchema } from '#lib/policy/config/approvals.ts';
import { masksSchema } from '#lib/policy/config/masks.ts';
import { targetsSchema } from '#lib/policy/config/targets.ts';

/** The JSON Schemas that editors use, by file name below config/schema/. Draft 7 is what YAML editors know. */
export function jsonSchemas(): Record<string, string> {
  const files = {
    'targets.json': targetsSchema,
    'approvals.json': approvalsSchema,
    'masks.json': masksSchema,
  };
  return Object.fromEntries(
    Object.entries(files).map(([name, schema]) => [
      name,
      `${JSON.stringify(z.toJSONSchema(schema, { io: 'input', target: 'draft-7' }), null, 2)}\n`,
    ]),
  );
}
