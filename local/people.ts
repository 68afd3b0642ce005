/** The people of the sample shop, as the development identity provider knows them. */

export interface Person {
  /** The immutable subject (`sub`). */
  readonly subject: string;
  readonly email: string;
  readonly groups: readonly string[];
  /** What the person may be tried with; one line for the screen of `npm start`. */
  readonly about: string;
}

const person = (subject: string, group: string, about: string): Person => ({
  subject,
  email: `${subject}@shop.example`,
  groups: [group],
  about,
});

export const people = {
  dev: person('dev', 'developers', 'a developer'),
  dba: person('dba', 'dbas', 'a database administrator'),
  approver: person('approver', 'approvers', 'approves what others ask for'),
  approver2: person('approver2', 'approvers', 'a second approver'),
  auditor: person('auditor', 'auditors', 'reads the evidence'),
} as const satisfies Record<string, Person>;

/** A program that acts for `dev`: its tokens say `sub: dev` and `act: { sub: agent }` (RFC 8693 section 4.1). */
export const agent = {
  ...person('agent', 'agents', 'a program that acts for dev'),
  actsFor: people.dev,
} as const;

export function findPerson(subject: string | undefined): Person | undefined {
  return Object.values<Person>(people).find(one => one.subject === subject);
}
