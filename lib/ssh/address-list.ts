/**
 * Lists of addresses and networks as `source-address` of a certificate has them (OpenSSH PROTOCOL.certkeys):
 * `192.0.2.0/24,2001:db8::/32,203.0.113.7`, without wildcards and negation.
 */

interface Address {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

/**
 * Whether `address` is in the list. An IPv4 address that comes as `::ffff:192.0.2.1` is the IPv4 address.
 *
 * @returns undefined when the list cannot be read: an entry is no network, or has bits set past its prefix
 */
export function isListed(list: string, address: string): boolean | undefined {
  const wanted = readAddress(address);
  let found = false;
  for (const entry of list.split(',')) {
    const network = readNetwork(entry);
    if (network === undefined) return undefined;
    const { bits, value, prefix } = network;
    if (wanted?.bits !== bits) continue;
    const shift = BigInt(bits - prefix);
    if (wanted.value >> shift === value >> shift) found = true;
  }
  return found;
}

function readNetwork(entry: string): (Address & { readonly prefix: number }) | undefined {
  const [, text, prefixText] = /^([0-9A-Fa-f.:]+)(?:\/(\d{1,3}))?$/.exec(entry) ?? [];
  const address = text === undefined ? undefined : readPlain(text);
  if (address === undefined) return undefined;
  const prefix = prefixText === undefined ? address.bits : Number(prefixText);
  if (prefix > address.bits) return undefined;
  if (address.value & ((1n << BigInt(address.bits - prefix)) - 1n)) return undefined;
  return { ...address, prefix };
}

/** The address of a peer: with a zone perhaps, and IPv4 perhaps in IPv6's clothes. */
function readAddress(text: string): Address | undefined {
  const address = readPlain(text.replace(/%.*$/, ''));
  if (address?.bits === 128 && address.value >> 32n === 0xffffn) {
    return { bits: 32, value: address.value & 0xffff_ffffn };
  }
  return address;
}

function readPlain(text: string): Address | undefined {
  return text.includes(':') ? readIpv6(text) : readIpv4(text);
}

function readIpv4(text: string): Address | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every(part => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) {
    return undefined;
  }
  return { bits: 32, value: parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n) };
}

/** RFC 4291 section 2.2. */
function readIpv6(text: string): Address | undefined {
  let rest = text;
  const groups: string[] = [];
  const dotted = /:(\d+\.\d+\.\d+\.\d+)$/.exec(rest)?.[1];
  if (dotted !== undefined) {
    const ipv4 = readIpv4(dotted);
    if (ipv4 === undefined) return undefined;
    const hex = ipv4.value.toString(16).padStart(8, '0');
    rest = `${rest.slice(0, -dotted.length)}${hex.slice(0, 4)}:${hex.slice(4)}`;
  }
  const halves = rest.split('::');
  if (halves.length > 2) return undefined;
  const [head = [], tail] = halves.map(half => (half === '' ? [] : half.split(':')));
  const zeros = 8 - head.length - (tail?.length ?? 0);
  if (tail === undefined ? zeros !== 0 : zeros < 1) return undefined;
  groups.push(...head, ...Array.from({ length: zeros }, () => '0'), ...(tail ?? []));
  if (!groups.every(group => /^[0-9A-Fa-f]{1,4}$/.test(group))) return undefined;
  return { bits: 128, value: groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n) };
}
