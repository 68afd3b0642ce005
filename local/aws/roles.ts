/**
 * Who may do what. A role is an access key with an allow list, so that "the gateway may put, never delete"
 * can be tested. Default deny; there are no deny statements and no conditions.
 */
export interface Role {
  readonly name: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /**
   * `dynamodb:PutItem`, or with the resource after a space: `dynamodb:PutItem sallyport-access`,
   * `secretsmanager:GetSecretValue sallyport/targets/*`, `execute-api:Invoke POST/v1/lookup`.
   * `*` stands for any characters.
   */
  readonly allow: readonly string[];
}

/** One action on one resource, in IAM's names; resources are named without their ARN's prefix. */
export interface Permission {
  readonly action: string;
  readonly resource: string;
}

export interface RoleTable {
  byAccessKey(accessKeyId: string): Role | undefined;
  byName(name: string): Role | undefined;
  /** @returns the first permission that the role lacks. */
  firstDenied(role: Role, permissions: readonly Permission[]): Permission | undefined;
}

function pattern(entry: string): RegExp {
  const [action = '', resource = '*'] = entry.split(' ', 2);
  const source = (text: string, any: string) =>
    text.replace(/[\\^$.|?+()[\]{}]/g, '\\$&').replace(/\*+/g, any);
  return new RegExp(`^${source(action, '[^ ]*')} ${source(resource, '.*')}$`, 's');
}

/** @throws {TypeError} when two roles share a name or an access key. */
export function roleTable(roles: readonly Role[]): RoleTable {
  const keys = new Map(roles.map(role => [role.accessKeyId, role]));
  const names = new Map(roles.map(role => [role.name, role]));
  if (keys.size !== roles.length || names.size !== roles.length) {
    throw new TypeError('roles: names and access keys must be unique');
  }
  const patterns = new Map(roles.map(role => [role.name, role.allow.map(pattern)]));
  return {
    byAccessKey: accessKeyId => keys.get(accessKeyId),
    byName: name => names.get(name),
    firstDenied: (role, permissions) =>
      permissions.find(
        ({ action, resource }) =>
          !patterns.get(role.name)?.some(allowed => allowed.test(`${action} ${resource}`)),
      ),
  };
}

/** The role as CloudTrail and event contexts name it. */
export function roleArn(role: Role, accountId: string): string {
  return `arn:aws:sts::${accountId}:assumed-role/${role.name}/${role.name}`;
}
