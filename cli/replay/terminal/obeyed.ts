/**
 * What a terminal is let do with a recording, ECMA-48 and xterm's ctlseqs: draw. What is not in these tables is
 * dropped: it would change the reader's machine (clipboard, title, window, printer, keyboard, mouse), or make
 * the terminal type an answer to whoever asks.
 */

/** C0 that draw: BS HT LF VT FF CR, and SO and SI, which choose between two sets of characters. */
export const drawingControls: ReadonlySet<number> = new Set([0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f]);

/** ESC and one character: save and restore the cursor, index, next line, tab stop, reverse index. */
export const escapes: ReadonlySet<string> = new Set(['7', '8', 'D', 'E', 'H', 'M']);

/** ESC, an intermediate and one character: the ASCII, British and line-drawing sets as G0 and G1; the E test. */
export const escapesWithIntermediate: ReadonlySet<string> = new Set([
  '(B',
  '(A',
  '(0',
  ')B',
  ')A',
  ')0',
  '#8',
]);

/**
 * Control sequences by what stands before the parameters, the intermediates and the final character. Left out
 * on purpose: `c` `n` `x` `$p` `"p` (reports), `t` (window), `i` (printer), `>` and `=` (keyboard protocols and
 * reports), `u` with a prefix, `q` with `>`.
 */
export const controlSequences: ReadonlySet<string> = new Set([
  ...'@ABCDEFGHIJKLMPSTXZ`abdefgmrsu',
  // Insert and replace.
  'h',
  'l',
  // Modes, of `privateModes`.
  '?h',
  '?l',
  // Erase what is not protected.
  '?J',
  '?K',
  // The cursor's shape; a soft reset.
  ' q',
  '!p',
]);

/** ANSI modes: insert. */
export const ansiModes: ReadonlySet<number> = new Set([4]);

/**
 * DEC modes that only draw: reverse video, origin, wrap, blinking, cursor, the alternate screen in its three
 * spellings, updates in one go. Left out: those that change what keys and mouse send (1, 9, 66, 1000 to 1006, 1015,
 * 1016, 1004, 2004), that resize (3, 40), and all that nobody has heard of yet.
 */
export const privateModes: ReadonlySet<number> = new Set([5, 6, 7, 12, 25, 47, 1047, 1048, 1049, 2026]);

export const alternateScreenModes: ReadonlySet<number> = new Set([47, 1047, 1049]);

/** No screen is larger, so that a number past it says the same; it may keep a terminal busy for hours. */
export const maxParameter = 500;
