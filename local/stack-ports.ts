import { freePort, isTaken } from './ports.ts';

/** What listens, and at which distance from the port base. Distances stay: people and scripts know the ports. */
export const portOffsets = {
  health: 1,
  identity: 2,
  aws: 3,
  control: 4,
  sample: 5,
  sshHost: 6,
  ssh: 22,
  postgres: 32,
} as const;

export type PortName = keyof typeof portOffsets;
export type Ports = Readonly<Record<PortName, number>>;

const labels: Readonly<Record<PortName, string>> = {
  health: "the gateway's health port",
  identity: 'the identity provider',
  aws: 'the AWS stand-ins',
  control: 'the control plane',
  sample: 'the sample PostgreSQL',
  sshHost: 'the sample SSH host',
  ssh: 'the SSH gateway',
  postgres: 'the PostgreSQL gateway',
};

/** Somebody else listens on a port of the base. */
export class PortTaken extends Error {
  override readonly name = 'PortTaken';

  constructor(port: number, name: PortName) {
    super(`port ${port}, wanted for ${labels[name]}, is taken`);
  }
}

/** @throws PortTaken */
export async function choosePorts(portBase = 0): Promise<Ports> {
  const names = Object.keys(portOffsets) as PortName[];
  const ports: [PortName, number][] = [];
  for (const name of names) {
    const port = portBase === 0 ? await freePort() : portBase + portOffsets[name];
    if (portBase !== 0 && (await isTaken(port))) throw new PortTaken(port, name);
    ports.push([name, port]);
  }
  return Object.fromEntries(ports) as Ports;
}
