/** It was asked rightly and did not work: exit code 1, the message as one line. */
export class Failure extends Error {
  override readonly name = 'Failure';
}
