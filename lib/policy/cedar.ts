import {
  type CedarValueJson,
  type DetailedError,
  type EntityJson,
  policyToJson,
  preparsePolicySet,
  type SchemaJson,
  schemaToJson,
  statefulIsAuthorized,
  type TypeAndId,
} from '@cedar-policy/cedar-wasm/nodejs';

export type { CedarValueJson, EntityJson, PolicyJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs';

/** Policies or a schema that Cedar cannot read. */
export class CedarError extends Error {
  override readonly name = 'CedarError';
}

function said(errors: readonly DetailedError[]): string {
  return errors.map(error => [error.message, error.help].filter(Boolean).join(': ')).join('; ');
}

/** One policy as data. Throws `CedarError`. */
export function readPolicy(text: string) {
  const answer = policyToJson(text);
  if (answer.type === 'failure') throw new CedarError(said(answer.errors));
  return answer.json;
}

/** A schema as data. Throws `CedarError`. */
export function readSchema(text: string): SchemaJson<string> {
  const answer = schemaToJson(text);
  if (answer.type === 'failure') throw new CedarError(said(answer.errors));
  return answer.json;
}

export interface CedarRequest {
  readonly principal: TypeAndId;
  readonly action: TypeAndId;
  readonly resource: TypeAndId;
  readonly context: Record<string, CedarValueJson>;
  /** Only those the request needs: each costs about 18 us. */
  readonly entities: EntityJson[];
}

export interface CedarAnswer {
  readonly effect: 'allow' | 'deny';
  /** Ids of the policies that decided. */
  readonly policies: readonly string[];
  /** What could not be evaluated. Cedar leaves such a policy out of its answer; the caller must not. */
  readonly errors: readonly { readonly policy: string | undefined; readonly message: string }[];
}

/**
 * Cedar keeps what it has parsed under a name and never lets go of a name, so there are few names, and sets take
 * turns: one whose place was taken parses again when it is next asked. A process that is busy with more versions
 * at once than there are places is slow, not wrong, and does not grow.
 */
const places: (PreparsedPolicies | undefined)[] = [undefined, undefined, undefined, undefined];
let nextPlace = 0;

/** Policies, parsed once. */
export class PreparsedPolicies {
  readonly #policies: Record<string, string>;
  #place = -1;

  /** Throws `CedarError` when Cedar cannot read them. `policies` maps ids to texts of one policy each. */
  constructor(policies: Record<string, string>) {
    this.#policies = policies;
    this.#takePlace();
  }

  /**
   * Requests are built by the schema and a test holds them to it. Cedar is not given the schema again, which would
   * take as long as the answer; a policy that meets what it does not expect fails, and that is a denial.
   */
  ask(request: CedarRequest): CedarAnswer {
    if (places[this.#place] !== this) this.#takePlace();
    const answer = statefulIsAuthorized({ ...request, preparsedPolicySetId: `place ${this.#place}` });
    if (answer.type === 'failure') {
      return { effect: 'deny', policies: [], errors: [{ policy: undefined, message: said(answer.errors) }] };
    }
    const { decision, diagnostics } = answer.response;
    const errors = diagnostics.errors.map(e => ({ policy: e.policyId, message: said([e.error]) }));
    return { effect: decision, policies: diagnostics.reason, errors };
  }

  #takePlace(): void {
    const place = nextPlace;
    nextPlace = (nextPlace + 1) % places.length;
    places[place] = undefined;
    const policies = preparsePolicySet(`place ${place}`, { staticPolicies: this.#policies });
    if (policies.type === 'failure') throw new CedarError(said(policies.errors));
    places[place] = this;
    this.#place = place;
  }
}
