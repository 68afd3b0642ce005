/** Message `index` of a session: of a length and content that follow from both. */
export function messageOf(id: string, index: number): Buffer {
  const text = `${id}#${index};`;
  // One in thirty is bulk.
  const times = index % 30 === 7 ? 1_000 + index : (index % 9) + 1;
  return Buffer.from(text.repeat(times));
}
