import type { Principal } from './principal.ts';

/** What a client writes when its protocol insists on a user name and it has none to give. */
export const userPlaceholder = 'sallyport';

const shownLength = 64;

/**
 * A protocol-level user name never says who somebody is; the credential does. It may repeat it, though, and a
 * name that contradicts it is a mistake worth stopping: the person believes to be somebody else.
 *
 * Accepted: nothing, the placeholder `sallyport`, the principal's name, the part of it before the last `@`
 * (both without regard to case) and the exact subject.
 *
 * @returns undefined when the name may stand; else what is wrong, and what to write.
 */
export function contradiction(
  user: string,
  principal: Pick<Principal, 'name' | 'subject'>,
): { readonly message: string; readonly hint: string } | undefined {
  if (user === '' || user === userPlaceholder || user === principal.subject) return undefined;
  const written = user.toLowerCase();
  const name = principal.name.toLowerCase();
  if (written === name || (name.includes('@') && written === name.slice(0, name.lastIndexOf('@')))) {
    return undefined;
  }
  const shown = user.length > shownLength ? `${user.slice(0, shownLength)}…` : user;
  return {
    message: `The user ${JSON.stringify(shown)} is not whom the credential belongs to.`,
    hint: `Write ${JSON.stringify(principal.name)} or ${JSON.stringify(userPlaceholder)} as the user.`,
  };
}
