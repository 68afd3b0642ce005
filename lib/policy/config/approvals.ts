import { z } from 'zod';
import { durationPattern } from '#lib/policy/duration.ts';

export const approvalSchema = z
  .strictObject({
    description: z.string().max(500).optional(),
    groups: z
      .array(z.string().min(1).max(256))
      .min(1)
      .max(50)
      .describe(
        "Groups of the identity provider. A member of any of them may approve, except the requester's own request.",
      ),
    required: z.int().min(1).max(10).default(1).describe('How many different people must approve.'),
    expires: z
      .string()
      .regex(durationPattern)
      .default('15m')
      .describe('How long a request waits for an answer before it is refused: 90s, 15m, 8h, 1d.'),
  })
  .describe('Who may approve what a policy marks with @approve("this name").');

export const approvalsSchema = z
  .record(z.string().regex(/^[a-z][a-z0-9-]{0,62}$/), approvalSchema)
  .describe('Groups of approvers, by the name that @approve uses.');

export type ApprovalRule = z.output<typeof approvalSchema>;
export type Approvals = z.output<typeof approvalsSchema>;
