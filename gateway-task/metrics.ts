import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** What the task tells Prometheus. Counters of the data path are plain numbers, read when they are asked for. */
export class Metrics {
  readonly registry = new Registry();
  readonly sessions = new Counter({
    name: 'sallyport_sessions_total',
    help: 'Sessions that were opened.',
    labelNames: ['protocol'],
    registers: [this.registry],
  });
  readonly refusals = new Counter({
    name: 'sallyport_refusals_total',
    help: 'What was refused, by reason (a code of the error table).',
    labelNames: ['reason'],
    registers: [this.registry],
  });
  readonly unrecordedErrors = new Counter({
    name: 'sallyport_unrecorded_errors_total',
    help: 'Errors that clients were told of while the journal took nothing.',
    registers: [this.registry],
  });
  readonly decisionSeconds = new Histogram({
    name: 'sallyport_decision_seconds',
    help: 'How long policy took to decide a command that it had not decided before.',
    buckets: [0.00001, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.1],
    registers: [this.registry],
  });
  readonly journalSeconds = new Histogram({
    name: 'sallyport_journal_seconds',
    help: 'How long a turn of commands waited for its records to be durable (sampled: one in 64).',
    buckets: [0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.1, 1],
    registers: [this.registry],
  });
  allowed = 0;
  denied = 0;
  clientBytes = 0;
  serverBytes = 0;

  constructor(
    live: () => Iterable<readonly [protocol: string, sessions: number]>,
    evidenceLag: () => number,
  ) {
    const metrics = this;
    collectDefaultMetrics({ register: this.registry });
    new Gauge({
      name: 'sallyport_live_sessions',
      help: 'Sessions that are open.',
      labelNames: ['protocol'],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const [protocol, sessions] of live()) this.set({ protocol }, sessions);
      },
    });
    new Gauge({
      name: 'sallyport_evidence_lag_bytes',
      help: 'Bytes in the spool that are not in a sealed segment yet.',
      registers: [this.registry],
      collect() {
        this.set(evidenceLag());
      },
    });
    new Counter({
      name: 'sallyport_statements_total',
      help: 'Commands by decision.',
      labelNames: ['decision'],
      registers: [this.registry],
      collect() {
        this.reset();
        this.inc({ decision: 'allow' }, metrics.allowed);
        this.inc({ decision: 'deny' }, metrics.denied);
      },
    });
    new Counter({
      name: 'sallyport_bytes_total',
      help: 'Bytes from and to clients, without TLS.',
      labelNames: ['direction'],
      registers: [this.registry],
      collect() {
        this.reset();
        this.inc({ direction: 'from-client' }, metrics.clientBytes);
        this.inc({ direction: 'to-client' }, metrics.serverBytes);
      },
    });
  }
}
