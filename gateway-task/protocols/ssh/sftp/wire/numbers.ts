/**
 * The numbers of SFTP version 3 (draft-ietf-secsh-filexfer-02) and the bounds that are kept here.
 */

export const packet = {
  init: 1,
  version: 2,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  fstat: 8,
  setstat: 9,
  fsetstat: 10,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  rmdir: 15,
  realpath: 16,
  stat: 17,
  rename: 18,
  readlink: 19,
  symlink: 20,
  status: 101,
  handle: 102,
  data: 103,
  name: 104,
  attrs: 105,
  extended: 200,
  extendedReply: 201,
} as const;

/** Error codes of a STATUS, section 7. */
export const statusCode = {
  ok: 0,
  eof: 1,
  noSuchFile: 2,
  permissionDenied: 3,
  failure: 4,
  badMessage: 5,
  unsupported: 8,
} as const;

/** `pflags` of an OPEN, section 6.3. */
export const openFlag = {
  read: 0x01,
  write: 0x02,
  append: 0x04,
  create: 0x08,
  truncate: 0x10,
  exclusive: 0x20,
} as const;

/** The only version that is spoken: what OpenSSH speaks. */
export const protocolVersion = 3;

/** The length field in front of every packet. */
export const lengthBytes = 4;
/** Length, type and id: what every packet but INIT and VERSION begins with. */
export const headBytes = 9;
/** OpenSSH takes 256 KiB (SFTP_MAX_MSG_LENGTH) without the length field; the rest is for servers that count otherwise. */
export const maxPacketBytes = 256 * 1024 + 1024;
/** Section 6.2: a handle is no longer than this. */
export const maxHandleBytes = 256;
/** PATH_MAX of Linux, without its zero byte. */
export const maxPathBytes = 4_095;
/** What an answer to a question of the gateway may take: a path twice, and a status text. */
export const maxAnswerBytes = 16 * 1024;
