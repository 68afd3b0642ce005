import { CedarError, type EntityJson, readSchema, type TypeAndId } from '#lib/policy/cedar.ts';

/** The actions of a schema. Only the schema knows them: a protocol adds its own there. */
export class Actions {
  /** Each action and every group it is in, itself included. */
  readonly #ancestors = new Map<string, ReadonlySet<string>>();
  readonly #resources = new Map<string, readonly string[]>();

  /** Throws `CedarError` when Cedar cannot read the schema. */
  constructor(schema: string) {
    const actions = readSchema(schema)['']?.actions;
    if (actions === undefined) throw new CedarError('the schema has no actions outside of namespaces');
    const ancestorsOf = (name: string): Set<string> => {
      const parents = actions[name]?.memberOf ?? [];
      return new Set([name, ...parents.flatMap(parent => [...ancestorsOf(parent.id)])]);
    };
    for (const [name, action] of Object.entries(actions)) {
      this.#ancestors.set(name, ancestorsOf(name));
      this.#resources.set(name, action.appliesTo?.resourceTypes ?? []);
    }
  }

  get names(): readonly string[] {
    return [...this.#ancestors.keys()];
  }

  /** Whether it is what a command does to a target. */
  isCommand(name: string): boolean {
    return this.isIn(name, 'command') && this.appliesTo(name, 'Target');
  }

  /** Whether it can be asked about a resource of this type. Groups of actions cannot. */
  appliesTo(name: string, resourceType: string): boolean {
    return this.#resources.get(name)?.includes(resourceType) ?? false;
  }

  /** The action with its groups, as a request needs it. */
  entity(name: string): EntityJson & { uid: TypeAndId } {
    const groups = [...(this.#ancestors.get(name) ?? [])].filter(group => group !== name);
    return {
      uid: { type: 'Action', id: name },
      attrs: {},
      parents: groups.map(id => ({ type: 'Action', id })),
    };
  }

  /** Whether the action is the group or is in it, at any depth. */
  isIn(name: string, group: string): boolean {
    return this.#ancestors.get(name)?.has(group) ?? false;
  }
}
