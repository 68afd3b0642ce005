import { freePort } from './ports.ts';

/** What listens, and at which distance from the port base. Distances stay: people and scripts know the ports. */
export const portOffsets = {
  health: 1,
  identity: 2,
  aws: 3,
  control: 4,
  sample: 5,
  postgres: 32,
} as const;

export type PortName = keyof typeof portOffsets;
export type Ports = Readonly<Record<PortName, number>>;

export async function choosePorts(portBase = 0): Promise<Ports> {
  const names = Object.keys(portOffsets) as PortName[];
  const ports = names.map(async name => [
    name,
    portBase === 0 ? await freePort() : portBase + portOffsets[name],
  ]);
  return Object.fromEntries(await Promise.all(ports)) as Ports;
}
