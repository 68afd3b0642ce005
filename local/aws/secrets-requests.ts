/** What Secrets Manager may be asked, and nothing else. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';

/** The staging label of the value that is read when nobody names one. */
export const current = 'AWSCURRENT';

const name = z.string().regex(/^[A-Za-z0-9/_+=.@!-]{1,512}$/);
const secretId = z.string().min(1).max(2048);
const token = z
  .string()
  .min(32)
  .max(64)
  .default(() => randomUUID());
const tags = z.array(z.strictObject({ Key: z.string().min(1).max(128), Value: z.string().max(256) })).max(50);
const label = z.string().min(1).max(256);
/** 64 KiB either way. */
const value = {
  SecretString: z
    .string()
    .refine(text => Buffer.byteLength(text) <= 65_536, 'longer than 65536 bytes')
    .optional(),
  SecretBinary: z.base64().max(87_384).optional(),
};

export const inputs = {
  CreateSecret: z.strictObject({
    Name: name,
    ClientRequestToken: token,
    Description: z.string().max(2048).optional(),
    Tags: tags.default([]),
    ...value,
  }),
  GetSecretValue: z.strictObject({
    SecretId: secretId,
    VersionId: z.string().optional(),
    VersionStage: label.optional(),
  }),
  PutSecretValue: z.strictObject({
    SecretId: secretId,
    ClientRequestToken: token,
    VersionStages: z.array(label).min(1).max(20).default([current]),
    ...value,
  }),
  DescribeSecret: z.strictObject({ SecretId: secretId }),
  UpdateSecretVersionStage: z.strictObject({
    SecretId: secretId,
    VersionStage: label,
    MoveToVersionId: z.string().optional(),
    RemoveFromVersionId: z.string().optional(),
  }),
  DeleteSecret: z.strictObject({
    SecretId: secretId,
    RecoveryWindowInDays: z.int().min(7).max(30).optional(),
    ForceDeleteWithoutRecovery: z.boolean().optional(),
  }),
  RestoreSecret: z.strictObject({ SecretId: secretId }),
  ListSecrets: z.strictObject({
    MaxResults: z.int().min(1).max(100).default(100),
    NextToken: z.string().optional(),
    IncludePlannedDeletion: z.boolean().default(false),
    Filters: z
      .array(z.strictObject({ Key: z.literal('name'), Values: z.array(z.string()).min(1).max(10) }))
      .max(10)
      .default([]),
  }),
  TagResource: z.strictObject({ SecretId: secretId, Tags: tags }),
  UntagResource: z.strictObject({ SecretId: secretId, TagKeys: z.array(z.string()) }),
};
