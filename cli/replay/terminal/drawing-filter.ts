import {
  alternateScreenModes,
  ansiModes,
  controlSequences,
  drawingControls,
  escapes,
  escapesWithIntermediate,
  maxParameter,
  privateModes,
} from '#cli/replay/terminal/obeyed.ts';

type State = 'ground' | 'escape' | 'escapeIntermediate' | 'csi' | 'csiIgnored' | 'string' | 'stringEscape';

const maxSequence = 256;
const escapeCode = 0x1b;

/**
 * Lets through of a program's output what draws, and drops what else a terminal would obey: see the tables in
 * obeyed.ts. Sequences are told apart as a VT500 does (Williams' state machine); one may be cut at any byte.
 * What comes out is text whose only control sequences are those of the tables, with small parameters.
 */
export class DrawingFilter {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #state: State = 'ground';
  /** Of the sequence: prefix, parameters, intermediates. */
  #sequence = '';
  #alternate = false;

  /** The terminal shows its alternate screen. */
  get alternate(): boolean {
    return this.#alternate;
  }

  filter(bytes: Uint8Array): string {
    let out = '';
    for (const character of this.#decoder.decode(bytes, { stream: true })) out += this.#next(character);
    return out;
  }

  #next(character: string): string {
    const code = character.codePointAt(0)!;
    // CAN and SUB end any sequence, ESC begins one.
    if (code === 0x18 || code === 0x1a) return this.#to('ground');
    if (code === escapeCode) {
      return this.#to(this.#state === 'string' ? 'stringEscape' : 'escape');
    }
    switch (this.#state) {
      case 'ground':
        return code < 0x20 || (code >= 0x7f && code < 0xa0) ? control(code) : character;
      case 'string':
        if (code === 0x07 || code === 0x9c) this.#to('ground');
        return '';
      case 'stringEscape':
        if (character === '\\') return this.#to('ground');
        this.#state = 'escape';
        return this.#escape(character, code);
      case 'escape':
        return this.#escape(character, code);
      case 'escapeIntermediate':
        return this.#escapeIntermediate(character, code);
      default:
        return this.#csi(character, code);
    }
  }

  #escape(character: string, code: number): string {
    if (code < 0x20) return control(code);
    if (character === '[') return this.#to('csi');
    // DCS, SOS, OSC, PM, APC: all that follows is for the terminal, not the eye.
    if ('PX]^_'.includes(character)) return this.#to('string');
    if (code < 0x30) {
      this.#state = 'escapeIntermediate';
      this.#sequence = character;
      return '';
    }
    this.#to('ground');
    // A full reset would take the scrollback with it.
    if (character === 'c') {
      const left = this.#alternate ? '\x1b[?1049l' : '';
      this.#alternate = false;
      return `${left}\x1b[!p\x1b[H\x1b[2J`;
    }
    return escapes.has(character) ? `\x1b${character}` : '';
  }

  #escapeIntermediate(character: string, code: number): string {
    if (code < 0x20) return control(code);
    if (code < 0x30) {
      if (this.#sequence.length < maxSequence) this.#sequence += character;
      return '';
    }
    const found = this.#sequence + character;
    this.#to('ground');
    return escapesWithIntermediate.has(found) ? `\x1b${found}` : '';
  }

  #csi(character: string, code: number): string {
    // Within a sequence a control character is obeyed at once.
    if (code < 0x20) return control(code);
    if (code === 0x7f) return '';
    if (code > 0x7f) return this.#to('ground');
    if (code < 0x40) {
      this.#sequence += character;
      if (this.#sequence.length > maxSequence) this.#state = 'csiIgnored';
      return '';
    }
    const sequence = this.#state === 'csi' ? this.#sequence : undefined;
    this.#to('ground');
    return sequence === undefined ? '' : this.#control(sequence, character);
  }

  #control(sequence: string, final: string): string {
    const parts = /^([<=>?]?)([\d;:]*)([ -/]*)$/.exec(sequence);
    if (!parts) return '';
    const [, prefix = '', parameters = '', intermediates = ''] = parts;
    if (!controlSequences.has(prefix + intermediates + final)) return '';
    if (final === 'h' || final === 'l') return this.#modes(prefix, parameters, final);
    if (final === 'm') return `\x1b[${parameters.replace(/\d{4,}/g, '0')}m`;
    const small = parameters.replace(/\d+/g, text => String(Math.min(Number(text), maxParameter)));
    // Erasing the scrollback is erasing what the reader had before.
    if (final === 'J' && small === '3') return '';
    return `\x1b[${prefix}${small}${intermediates}${final}`;
  }

  #modes(prefix: string, parameters: string, final: 'h' | 'l'): string {
    const allowed = prefix === '?' ? privateModes : ansiModes;
    const kept = parameters
      .split(';')
      .map(Number)
      .filter(mode => allowed.has(mode));
    if (prefix === '?' && kept.some(mode => alternateScreenModes.has(mode))) this.#alternate = final === 'h';
    return kept.length === 0 ? '' : `\x1b[${prefix}${kept.join(';')}${final}`;
  }

  #to(state: State): '' {
    this.#state = state;
    this.#sequence = '';
    return '';
  }
}

const control = (code: number): string => (drawingControls.has(code) ? String.fromCharCode(code) : '');
