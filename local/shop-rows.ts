/**
 * The people and orders of the sample shop: the same on every machine, and nobody real. Card numbers are in
 * test ranges and hold a right check digit; social-security numbers begin with 9, which was never issued.
 */

export interface Customer {
  readonly id: number;
  readonly name: string;
  readonly email: string;
  readonly phone: string;
  readonly card_number: string;
  readonly ssn: string;
  readonly birth_date: string;
  readonly notes: string;
  readonly created_at: string;
}

export interface Order {
  readonly id: number;
  readonly customer_id: number;
  readonly status: string;
  readonly total: string;
  readonly placed_at: string;
}

export interface Payment {
  readonly id: number;
  readonly order_id: number;
  readonly method: string;
  readonly card_number: string | null;
  readonly amount: string;
  readonly paid_at: string;
}

export interface OrderEvent {
  readonly order_id: number;
  readonly kind: string;
  readonly detail: Readonly<Record<string, string>>;
  readonly happened_at: string;
}

export interface ShopRows {
  readonly customers: readonly Customer[];
  readonly orders: readonly Order[];
  readonly payments: readonly Payment[];
  readonly order_events: readonly OrderEvent[];
}

const given =
  'Ada Bela Cato Dova Emmo Fira Galen Hedy Ilko Juna Kori Lumi Milo Nori Orla Pavo Quin Runa Sefa Timo';
const family =
  'Abernoll Brindle Castrel Dunmarrow Eastvale Fennimore Garroway Hollin Ivers Jessop Kettlewell Lorimer ' +
  'Marchbank Northey Oakhurst Pellow Quennell Rosewarne Satterlee Tregarth Underhay Vosper Wickett Yarrow';
const noteTemplates = [
  '',
  '',
  '',
  'Prefers delivery after 17:00.',
  'Called about a late parcel; call back on {phone}.',
  'Asked for the invoice to be sent to {email}.',
  'Paid by phone with card {card}; wants it removed from the file.',
  'Identity checked, SSN {ssn}.',
  'Gift wrapping, no invoice in the box.',
];
const dayMs = 86_400_000;
const yearBegins = Date.UTC(2026, 0, 1);

/** Rows in the order in which they can be inserted. */
export function makeShopRows(customerCount = 1000, orderCount = 5000): ShopRows {
  const random = mulberry32(20_260_101);
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const customers = Array.from({ length: customerCount }, (_, index) => makeCustomer(index + 1, below, pick));
  const orders: Order[] = [];
  const payments: Payment[] = [];
  const events: OrderEvent[] = [];
  for (let id = 1; id <= orderCount; id++) {
    const customer = pick(customers);
    const placed = yearBegins + below(330 * dayMs);
    const status = pick(['placed', 'paid', 'paid', 'shipped', 'shipped', 'shipped', 'returned', 'cancelled']);
    const total = (below(40_000) / 100 + 5).toFixed(2);
    orders.push({ id, customer_id: customer.id, status, total, placed_at: time(placed) });
    const event = (kind: string, afterMs: number, detail: Record<string, string> = {}) =>
      events.push({ order_id: id, kind, detail, happened_at: time(placed + afterMs) });
    event('placed', 0, { channel: pick(['web', 'phone', 'shop']) });
    if (status === 'cancelled') event('cancelled', below(dayMs), { by: pick(['customer', 'staff']) });
    if (status === 'placed' || status === 'cancelled') continue;
    const method = pick(['card', 'card', 'card', 'transfer', 'voucher']);
    const paid = below(2 * dayMs);
    payments.push({
      id: payments.length + 1,
      order_id: id,
      method,
      card_number: method === 'card' ? customer.card_number : null,
      amount: total,
      paid_at: time(placed + paid),
    });
    event('paid', paid, { method });
    if (status !== 'paid') event('shipped', paid + dayMs, { carrier: pick(['Northwind', 'Postkraft']) });
    if (status === 'returned')
      event('returned', paid + 9 * dayMs, { reason: pick(['size', 'broken', 'late']) });
  }
  return { customers, orders, payments, order_events: events };
}

function makeCustomer(
  id: number,
  below: (limit: number) => number,
  pick: <T>(list: readonly T[]) => T,
): Customer {
  const first = pick(given.split(' '));
  const last = pick(family.split(' '));
  const email = `${first}.${last}${id}@example.com`.toLowerCase();
  const phone = `+1-555-01${digits(below(100), 2)}`;
  const card = withCheckDigit(`${pick(['400000', '555555', '222300'])}${digits(below(1e9), 9)}`);
  const ssn = `9${digits(below(100), 2)}-${digits(10 + below(60), 2)}-${digits(below(10_000), 4)}`;
  return {
    id,
    name: `${first} ${last}`,
    email,
    phone,
    card_number: card,
    ssn,
    birth_date: time(Date.UTC(1940, 0, 1) + below(24_000) * dayMs).slice(0, 10),
    notes: pick(noteTemplates)
      .replace('{phone}', phone)
      .replace('{email}', email)
      .replace('{card}', card)
      .replace('{ssn}', ssn),
    created_at: time(yearBegins - below(700 * dayMs)),
  };
}

const digits = (value: number, length: number) => String(value).padStart(length, '0');
const time = (ms: number) => new Date(ms).toISOString();

/** ISO/IEC 7812-1 annex B (Luhn). */
function withCheckDigit(number: string): string {
  const sum = [...number].reverse().reduce((total, digit, index) => {
    const value = Number(digit) * (index % 2 === 0 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return `${number}${(10 - (sum % 10)) % 10}`;
}

/** A small generator with a seed, so that the rows are the same everywhere; nothing secret comes from it. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
