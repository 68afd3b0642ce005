import type { Leg, LegName, Target } from '../legs/leg.ts';

/** One number that was measured: which quantity, over which leg, in which round. */
export interface Sample {
  readonly quantity: Quantity;
  /** e.g. `simple, 8 clients`. */
  readonly load: string;
  readonly leg: LegName;
  /** From 1. */
  readonly round: number;
  readonly value: number;
}

/** What is measured, with its unit. */
export const quantities = {
  throughput: 'statements/s',
  p50: 'us',
  p99: 'us',
  cpuPerStatement: 'us',
  bulkRate: 'MB/s',
  cpuPerMegabyte: 'ms',
  /** Without the shipper. */
  gatewayCpuPerMegabyte: 'ms',
  fileRate: 'files/s',
  cpuPerFile: 'us',
  cpuPerEcho: 'us',
  sessionMemory: 'KiB',
  sessionCpu: 'ms',
  sessionTime: 'ms',
  memoryGrowth: 'MiB',
  peakMemory: 'MiB',
} as const;

export type Quantity = keyof typeof quantities;

/** What a workload has to work with. */
export interface WorkloadContext {
  readonly target: Target;
  /** Temporary. */
  readonly folder: string;
  /** Seconds for each run that lasts for a set time. */
  readonly seconds: number;
  readonly bulkBytes: number;
  readonly signal: AbortSignal;
}

export type Measurement = Pick<Sample, 'quantity' | 'load' | 'value'>;

/** One run over one leg. Several loads of one workload are run one after another, leg by leg. */
export interface Workload {
  readonly load: string;
  /** The legs without a process in between give nothing to some measurements. */
  readonly needsProxy: boolean;
  /** Quantities that do not vary by round are measured in the first one only. */
  readonly once: boolean;
  measure(leg: Leg, context: WorkloadContext): Promise<readonly Measurement[]>;
}
