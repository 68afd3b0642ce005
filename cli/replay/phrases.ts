import type { DecisionShown } from '#cli/replay/events.ts';
import { line } from '#cli/terminal-safe.ts';

/** `allow by readers`. */
export function decided({ effect, policies }: DecisionShown): string {
  return line(`${effect}${policies.length > 0 ? ` by ${policies.join(', ')}` : ': no policy permits it'}`);
}

export const shorten = (text: string, length: number): string =>
  text.length > length ? `${text.slice(0, length - 1)}…` : text;

/** `shop/orders`; the target alone where its usual place was asked for. */
export const where = (target: string, place?: string): string => (place ? `${target}/${place}` : target);
