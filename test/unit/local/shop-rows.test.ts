import { describe, expect, test } from '@jest/globals';
import { makeShopRows } from '#local/shop-rows.ts';

const rows = makeShopRows(200, 600);

/** ISO/IEC 7812-1 annex B, the other way round than the shop makes it. */
const holds = (number: string) =>
  [...number].reverse().reduce((sum, digit, index) => {
    const value = Number(digit) * (index % 2 === 1 ? 2 : 1);
    return sum + Math.floor(value / 10) + (value % 10);
  }, 0) %
    10 ===
  0;

describe('the rows of the sample shop', () => {
  test('are the same each time', () => {
    expect(makeShopRows(200, 600)).toEqual(rows);
  });

  test('have card numbers whose check digit is right, so that detectors find them', () => {
    expect(rows.customers.filter(({ card_number }) => !holds(card_number))).toEqual([]);
    expect(new Set(rows.customers.map(({ card_number }) => card_number.length))).toEqual(new Set([16]));
  });

  test('have social-security numbers that were never issued', () => {
    expect(rows.customers.every(({ ssn }) => /^9\d\d-\d\d-\d{4}$/.test(ssn))).toBe(true);
  });

  test('hide personal data in some of the notes, as people do', () => {
    const hidden = rows.customers.filter(({ notes, ssn, card_number, email, phone }) =>
      [ssn, card_number, email, phone].some(secret => notes.includes(secret)),
    );

    expect(hidden.length).toBeGreaterThan(20);
  });

  test('refer to rows that exist', () => {
    const customers = new Set(rows.customers.map(({ id }) => id));
    const orders = new Set(rows.orders.map(({ id }) => id));

    expect(rows.orders.every(order => customers.has(order.customer_id))).toBe(true);
    expect(rows.payments.every(payment => orders.has(payment.order_id))).toBe(true);
    expect(rows.order_events.every(event => orders.has(event.order_id))).toBe(true);
  });

  test('lie within the year that has partitions', () => {
    expect(rows.order_events.every(({ happened_at }) => happened_at.startsWith('2026-'))).toBe(true);
  });
});
