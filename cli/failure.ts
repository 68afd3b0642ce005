/** What a person can put right: printed as one line, without a stack. */
export class Failure extends Error {
  override readonly name = 'Failure';
  /** 1: it did not work; 2: it was asked wrongly. */
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
