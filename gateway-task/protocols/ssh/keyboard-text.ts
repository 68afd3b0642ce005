/** A prompt is short; on a screen that is drawn, the line may be all of it. */
const maxPrompt = 80;
/** What is in prompts for secrets, in the languages that programs ask in, and how they end. */
const secretWord = new RegExp(
  [
    '(?:pass(?:w(?:or)?d|phrase|code|wort)?|secret|PIN|token|OTP|(?:verification|MFA|2FA|one-time) code)\\b',
    '(?:api|access|private|secret|auth|unseal|encryption|master).?key\\b',
    'kennwort|contraseña|contrasena|mot de passe|senha|wachtwoord|parola|lösenord|adgangskode|passord|salasana',
    'hasło|heslo|jelszó|lozinka|şifre|пароль|密码|密碼|パスワード|암호|비밀번호',
  ].join('|'),
  'i',
);
const promptEnd = /[:：?]$/;
/** What a terminal obeys and does not show: ECMA-48 sequences, and controls. */
const unseen = new RegExp(
  [
    '\\x1b(?:\\[[0-?]*[ -/]*[@-~]?|[\\]P_^X][^\\x07\\x1b]*(?:\\x07|\\x1b\\\\)?|[ -/]*[0-~]?)',
    '[\\x00-\\x1f\\x7f]',
  ].join('|'),
  'g',
);
/** A program takes the whole screen, and gives it back: xterm's 47, 1047 and 1049. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for.
export const alternateScreen = /\x1b\[\?(?:47|1047|1049)([hl])/g;
/** Keys that show nothing: controls, and the sequences of arrows and the like. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const control = /\x1b(?:\[[0-?]*[ -/]*[@-~]|O[@-~])|[\x00-\x1f\x7f]/g;
/** What is shown for a key that is not to be seen. */
export const masks = /^[*•●∗·＊▪■◼\s]+$/;

export const seen = (text: string): string => text.replace(unseen, '');

/** Linear in its length: a target writes what it likes. */
export function asksForSecret(line: string): boolean {
  const prompt = seen(line).slice(-maxPrompt);
  return promptEnd.test(prompt.trimEnd()) && secretWord.test(prompt);
}

/** What a key or a line of keys would show: without Enter, arrows and the like. What a person types begins no long sequence. */
export const visible = (keys: Buffer): string => keys.toString('utf8').replace(control, '');
