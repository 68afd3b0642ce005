/** RFC 4254 section 8: the opcode of ECHO; opcodes up to 159 have a uint32, others end the list unread. */
const echo = 53;
const end = 0;
const lastWithValue = 159;

/** Whether a terminal with these modes shows what is typed into it: unless they say otherwise, it does. */
export function echoes(modes: Buffer): boolean {
  let shown = true;
  for (let at = 0; at + 5 <= modes.length; at += 5) {
    const opcode = modes[at]!;
    if (opcode === end || opcode > lastWithValue) break;
    if (opcode === echo) shown = modes.readUInt32BE(at + 1) !== 0;
  }
  return shown;
}
