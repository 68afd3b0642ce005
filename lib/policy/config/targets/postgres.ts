import { z } from 'zod';
import { common, type Places, secretName } from './common.ts';

const databaseName = z.string().min(1).max(63).describe('Name of a database, as the server knows it.');

export const postgresTarget = z
  .strictObject({
    protocol: z.literal('postgres'),
    ...common,
    secret: secretName.describe(
      'Name or ARN of the secret in Secrets Manager: JSON with username and password (or a client certificate and key), and host, port and dbname as RDS writes it.',
    ),
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
  })
  .describe('A PostgreSQL server.');

export type PostgresTarget = z.output<typeof postgresTarget>;

export function postgresPlaces({ database, databases }: PostgresTarget): Places {
  return { word: 'database', own: database, others: databases };
}
