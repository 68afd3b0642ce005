const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `90s`, `15m`, `8h`, `7d`: a whole number above 0, without a sign, and one unit. */
export const durationPattern = /^([1-9][0-9]{0,5})([smhd])$/;

/** Milliseconds of a duration as policies and the configuration write it; `undefined` when it is not one. */
export function parseDurationMs(text: string): number | undefined {
  const match = durationPattern.exec(text);
  if (match === null) return undefined;
  return Number(match[1]) * unitMs[match[2] as keyof typeof unitMs];
}
