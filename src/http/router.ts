import type { Method } from "./route.ts";

/** What stands at one path: a target for each method it knows. */
export interface Place<T> {
  readonly targets: Partial<Record<Method, T>>;
  /** `allow` of a 405 and of OPTIONS. */
  readonly allow: string;
}

export interface Match<T> {
  readonly place: Place<T>;
  /** Values of the path parameters, decoded, in the order of the pattern. */
  readonly values: readonly string[];
}

export interface Router<T> {
  /** A path without parameters, as received. The hot look-up: one map, nothing is decoded. */
  fixed(path: string): Place<T> | undefined;
  /** Any path, decoded, without its trailing slash. */
  match(path: string): Match<T> | undefined;
}

interface Node<T> {
  readonly fixed: Map<string, Node<T>>;
  parameter: Node<T> | undefined;
  place: MutablePlace<T> | undefined;
}

interface MutablePlace<T> {
  targets: Partial<Record<Method, T>>;
  allow: string;
}

export interface Entry<T> {
  readonly method: Method;
  /** `/v1/products/{product_id}` */
  readonly path: string;
  readonly target: T;
}

const SEGMENT = /^(?:[A-Za-z0-9._~-]+|\{[a-z_][a-z0-9_]*\})$/;

/**
 * A fixed segment goes before a parameter (`/v1/products/sources` before `/v1/products/{id}`), and
 * a path whose fixed form exists is never read as a parameter for another method. Throws when two
 * entries claim the same method and path.
 */
export function createRouter<T>(entries: readonly Entry<T>[]): Router<T> {
  const root: Node<T> = newNode();
  const fixedPlaces = new Map<string, Place<T>>();
  for (const { method, path, target } of entries) {
    const segments = segmentsOf(path);
    const node = grow(root, segments, path);
    node.place ??= { targets: {}, allow: "" };
    if (node.place.targets[method] !== undefined) {
      throw new Error(`two routes claim ${method} ${path}`);
    }
    node.place.targets[method] = target;
    node.place.allow = allowOf(node.place.targets);
    if (!path.includes("{")) {
      const bare = `/${segments.join("/")}`;
      fixedPlaces.set(bare, node.place);
      if (bare !== "/") fixedPlaces.set(`${bare}/`, node.place);
    }
  }
  return Object.freeze({
    fixed: (path: string) => fixedPlaces.get(path),
    match(path: string) {
      const values: string[] = [];
      const segments = path.slice(1).split("/");
      if (segments[segments.length - 1] === "") segments.pop();
      const place = descend(root, segments, 0, values);
      return place === undefined ? undefined : { place, values };
    },
  });
}

/** Names of the parameters of a pattern, in order. */
export function parameterNames(path: string): string[] {
  return [...path.matchAll(/\{([^}]+)\}/g)].map((match) => match[1]!);
}

function newNode<T>(): Node<T> {
  return { fixed: new Map(), parameter: undefined, place: undefined };
}

function segmentsOf(path: string): string[] {
  if (!path.startsWith("/")) throw new Error(`the path ${path} must begin with a slash`);
  const bare = path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
  return bare === "/" ? [] : bare.slice(1).split("/");
}

function grow<T>(root: Node<T>, segments: readonly string[], path: string): Node<T> {
  let node = root;
  for (const segment of segments) {
    if (!SEGMENT.test(segment)) throw new Error(`the path ${path} has a segment we cannot match`);
    if (segment.startsWith("{")) {
      node = node.parameter ??= newNode();
      continue;
    }
    let next = node.fixed.get(segment);
    if (next === undefined) node.fixed.set(segment, (next = newNode()));
    node = next;
  }
  return node;
}

function descend<T>(
  node: Node<T>,
  segments: readonly string[],
  depth: number,
  values: string[],
): Place<T> | undefined {
  if (depth === segments.length) return node.place;
  const segment = segments[depth]!;
  const next = node.fixed.get(segment);
  if (next !== undefined) {
    const place = descend(next, segments, depth + 1, values);
    if (place !== undefined) return place;
  }
  if (node.parameter === undefined || segment === "") return undefined;
  const kept = values.length;
  values.push(segment);
  const place = descend(node.parameter, segments, depth + 1, values);
  if (place === undefined) values.length = kept;
  return place;
}

function allowOf(targets: Partial<Record<Method, unknown>>): string {
  const methods: string[] = Object.keys(targets);
  if (methods.includes("GET")) methods.push("HEAD");
  return [...methods, "OPTIONS"].sort().join(", ");
}
