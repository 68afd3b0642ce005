/**
 * The DynamoDB tables: pure data, read by the deployment and by the embedded stack, so that both make the
 * same ones. Every table has the generic keys `pk` and `sk` (strings); what they hold is up to its owner.
 */
export interface TableDefinition {
  /** The table is named `<prefix>-<suffix>`. */
  readonly suffix: string;
  /** The variable by which a function or a task learns the whole name. */
  readonly environment: `SALLYPORT_TABLE_${string}`;
  readonly partitionKey: 'pk';
  readonly sortKey: 'sk';
  /**
   * Seconds since the epoch after which DynamoDB may delete an item. It may take days to do so: whoever
   * reads an item compares this attribute with the time.
   */
  readonly timeToLive: 'expiresAt';
}

const keys = { partitionKey: 'pk', sortKey: 'sk', timeToLive: 'expiresAt' } as const;

export const tables = {
  /** Policy snapshots by version, and which one is current. */
  policy: { suffix: 'policy', environment: 'SALLYPORT_TABLE_POLICY', ...keys },
  /** Live sessions and orders to end them. */
  sessions: { suffix: 'sessions', environment: 'SALLYPORT_TABLE_SESSIONS', ...keys },
  /** Tickets, grants and locks. */
  access: { suffix: 'access', environment: 'SALLYPORT_TABLE_ACCESS', ...keys },
} as const satisfies Record<string, TableDefinition>;

export type TableKey = keyof typeof tables;

/** The name of a table in the deployment that `prefix` names. */
export function tableName(prefix: string, table: TableKey): string {
  return `${prefix}-${tables[table].suffix}`;
}
