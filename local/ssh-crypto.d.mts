export interface BuildOptions {
  /** Of the repository, with its packages installed. */
  readonly root: string;
  /** How npm is run; asked where needed. */
  readonly findNpm: () => {
    readonly command: string;
    readonly first: readonly string[];
    readonly env: NodeJS.ProcessEnv;
  };
  /** Told before it takes time. */
  readonly say: (line: string) => void;
}

/** Builds it unless it is there. @returns why SSH runs in JavaScript, with the way out; undefined when it need not */
export function buildSshCrypto(options: BuildOptions): Promise<string | undefined>;
