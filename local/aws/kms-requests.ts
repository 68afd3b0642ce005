/** What KMS may be asked, and nothing else. */
import { z } from 'zod';
import { keySpecs } from './kms-specs.ts';

/** Key id, key ARN, alias name or alias ARN. */
const keyId = z.string().min(1).max(2048);
const aliasName = z.string().regex(/^alias\/[A-Za-z0-9/_-]{1,250}$/);
const specs = Object.keys(keySpecs) as [keyof typeof keySpecs, ...(keyof typeof keySpecs)[]];
/** base64 of so many bytes. */
const bytes = (most: number) =>
  z
    .base64()
    .transform(text => Buffer.from(text, 'base64'))
    .refine(value => value.length >= 1 && value.length <= most, `must have 1 to ${most} bytes`);

export const inputs = {
  CreateKey: z.strictObject({
    KeySpec: z.enum(specs),
    KeyUsage: z.literal('SIGN_VERIFY'),
    Description: z.string().max(8192).default(''),
  }),
  CreateAlias: z.strictObject({ AliasName: aliasName, TargetKeyId: keyId }),
  ListAliases: z.strictObject({
    KeyId: keyId.optional(),
    Limit: z.int().min(1).max(1000).default(50),
    Marker: z.string().min(1).max(1024).optional(),
  }),
  DescribeKey: z.strictObject({ KeyId: keyId }),
  GetPublicKey: z.strictObject({ KeyId: keyId }),
  Sign: z.strictObject({
    KeyId: keyId,
    Message: bytes(4096),
    MessageType: z.enum(['RAW', 'DIGEST']).default('RAW'),
    SigningAlgorithm: z.string().min(1).max(64),
  }),
};
