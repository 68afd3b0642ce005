/** DynamoDB deletes an expired item when it gets round to it, days later perhaps: readers must look themselves. */

/** The attribute `expiresAt`, in whole seconds, of something that ends at `ms` since the epoch. Never early. */
export function expiresAtOf(ms: number): number {
  return Math.ceil(ms / 1000);
}

/** Whether an item read at `nowMs` still counts. One that has no `expiresAt` does not end. */
export function isAlive(item: { readonly expiresAt?: unknown }, nowMs: number): boolean {
  return (
    item.expiresAt === undefined || (typeof item.expiresAt === 'number' && item.expiresAt * 1000 > nowMs)
  );
}
