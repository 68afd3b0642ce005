import { z } from 'zod';

const databaseName = z.string().min(1).max(63).describe('Name of a database, as the server knows it.');

const postgresTarget = z
  .strictObject({
    protocol: z.literal('postgres'),
    description: z.string().max(500).optional().describe('What it is, for the people who read this file.'),
    secret: z
      .string()
      .min(1)
      .max(2048)
      .describe(
        'Name or ARN of the secret in Secrets Manager: JSON with username and password (or a client certificate and key), and host, port and dbname as RDS writes it.',
      ),
    host: z
      .string()
      .min(1)
      .max(253)
      .optional()
      .describe('Host name or address. Left out: the host in the secret.'),
    port: z.int().min(1).max(65535).optional().describe('Left out: the port in the secret.'),
    database: databaseName.describe('The database that is meant when a client names the target alone.'),
    databases: z
      .array(databaseName)
      .max(1000)
      .default([])
      .describe('Further databases, which a client names as target/database. No others are opened.'),
    tls: z
      .strictObject({
        mode: z
          .enum(['verify-full', 'verify-ca', 'disable'])
          .describe(
            'verify-full checks the certificate chain and the host name, verify-ca the chain alone. disable sends everything in the clear: only on loopback or inside an encrypted tunnel.',
          ),
        ca: z
          .string()
          .max(262_144)
          .optional()
          .describe(
            'Certificates to trust, in PEM: the text itself, or the name of a .pem file in this folder. Left out: those that Node.js trusts.',
          ),
      })
      .default({ mode: 'verify-full' })
      .describe('How the gateway speaks TLS to the target.'),
    tags: z
      .record(z.string().regex(/^[A-Za-z0-9_.:/-]{1,128}$/), z.string().max(256))
      .default({})
      .describe('Words for policies: resource.hasTag("env") && resource.getTag("env") == "prod".'),
  })
  .describe('A PostgreSQL server.');

/** A system behind the gateway. One more protocol is one more member. */
export const targetSchema = z.discriminatedUnion('protocol', [postgresTarget]);

/** Clients write it as a database name (`shop`, `shop/otherdb`), so it has no slash and no capital. */
export const targetName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,62}$/)
  .describe('Lower-case letters, digits and hyphens, a letter first.');

export const targetsSchema = z
  .record(targetName, targetSchema)
  .describe('The systems behind the gateway, by the name that clients and policies use.');

export type Target = z.output<typeof targetSchema>;
export type PostgresTarget = z.output<typeof postgresTarget>;
export type Targets = z.output<typeof targetsSchema>;
