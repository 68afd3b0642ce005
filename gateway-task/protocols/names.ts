/** The protocols by name, apart from their code, for whoever needs only the list (configuration, infra). */
export const protocolNames = ['postgres', 'ssh'] as const;

export type ProtocolName = (typeof protocolNames)[number];
