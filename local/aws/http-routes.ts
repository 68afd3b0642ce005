/** Finds the route of a request as API Gateway's HTTP API does. */
import type { Route } from '../../infra/routes.ts';

export interface RouteMatch {
  readonly route: Route;
  /** `POST /v1/sessions/{id}/kill` */
  readonly routeKey: string;
  readonly parameters: Readonly<Record<string, string>>;
}

export function routeKeyOf(route: Route): string {
  return `${route.method} ${route.path}`;
}

/**
 * The path as functions see it: decoded, and cut at a `?` that was encoded. That is what AWS does, so whoever
 * puts an encoded `?` into a path learns of it here.
 *
 * @returns nothing for a path that is not percent-encoded UTF-8.
 */
export function decodePath(path: string): string | undefined {
  try {
    return decodeURIComponent(path).split('?')[0]!;
  } catch {
    return undefined;
  }
}

function matchParts(pattern: string, path: string): Record<string, string> | undefined {
  const [wanted, given] = [pattern.split('/'), path.split('/')];
  if (wanted.length !== given.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [at, part] of wanted.entries()) {
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    if (name === undefined ? part !== given[at] : given[at] === '') return undefined;
    if (name !== undefined) parameters[name] = given[at]!;
  }
  return parameters;
}

/** @param path decoded. The route with the fewest parameters wins. */
export function findRoute(routes: readonly Route[], method: string, path: string): RouteMatch | undefined {
  const matches = routes
    .filter(route => route.method === method)
    .map(route => ({ route, routeKey: routeKeyOf(route), parameters: matchParts(route.path, path) }))
    .filter((match): match is RouteMatch => match.parameters !== undefined);
  return matches.sort((a, b) => Object.keys(a.parameters).length - Object.keys(b.parameters).length)[0];
}
