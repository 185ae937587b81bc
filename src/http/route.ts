import type { Static, TSchema } from "typebox";
import { httpLimits } from "../platform/limits.ts";
import type { ContextName, KeyScope, PrincipalKind } from "./principal.ts";
import type { Reply } from "./reply.ts";
import type { Request } from "./request.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/**
 * Who may call a route.
 * - `public`: nobody is asked who they are.
 * - `authenticated`: any live principal of the kinds named (default: user and API key).
 * - `permission`: that permission in that context.
 */
export type Access =
  | { readonly kind: "public" }
  | {
      readonly kind: "authenticated";
      readonly kinds?: readonly PrincipalKind[];
      readonly stepUp?: StepUp;
    }
  | {
      readonly kind: "permission";
      readonly context: ContextName;
      readonly permission: string;
      readonly kinds?: readonly PrincipalKind[];
      readonly stepUp?: StepUp;
    };

/**
 * The caller proved who they are at most this long ago, with a second factor when they have one;
 * else 401 `step_up_required` (RFC 9470). Only people can, so such a route is for users alone.
 */
export interface StepUp {
  readonly maxAgeSeconds: number;
}

export const PUBLIC: Access = Object.freeze({ kind: "public" });
export const AUTHENTICATED: Access = Object.freeze({ kind: "authenticated" });
export function needs(context: ContextName, permission: string): Access {
  return Object.freeze({ kind: "permission", context, permission });
}

/** For what one would not leave to a stolen token. */
export const STEP_UP: StepUp = Object.freeze({ maxAgeSeconds: httpLimits.stepUpMaxAgeSeconds });

const DEFAULT_KINDS: readonly PrincipalKind[] = Object.freeze(["user", "api_key"] as const);

/** Who may call besides what else is asked of them; nobody in particular for a public route. */
export function kindsOf(access: Access): readonly PrincipalKind[] {
  if (access.kind === "public") return [];
  return access.kinds ?? DEFAULT_KINDS;
}

/** What an API key needs to call: to read for a GET, to write for the rest. */
export function keyScopeOf(route: Pick<Route, "method" | "keyScope">): KeyScope {
  return route.keyScope ?? (route.method === "GET" ? "read" : "write");
}

export interface ResponseDoc {
  readonly description: string;
  readonly schema?: TSchema;
  readonly example?: unknown;
  readonly contentType?: string;
  /** The same as JSON, for whoever asks for that and not for `contentType`. */
  readonly jsonSchema?: TSchema;
}

export interface RouteAlias {
  readonly method?: Method;
  readonly path: string;
}

type Of<S extends TSchema | undefined, Fallback> = S extends TSchema ? Static<S> : Fallback;

/** A route is data: the router, the validators, OpenAPI and the test matrix come from it. */
export interface RouteDefinition<
  P extends TSchema | undefined = undefined,
  Q extends TSchema | undefined = undefined,
  B extends TSchema | undefined = undefined,
> {
  readonly method: Method;
  /** `/v1/products/{product_id}`; a trailing slash is accepted without being declared. */
  readonly path: string;
  readonly aliases?: readonly RouteAlias[];
  /** One sentence for OpenAPI. */
  readonly summary: string;
  readonly description?: string;
  /** OpenAPI tag and log label: a context name, `auth`, `health`, `docs`. */
  readonly tag: string;
  readonly access: Access;
  /** What an API key needs, where the method does not tell. */
  readonly keyScope?: KeyScope;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** The body is a form; `request.body` is a `FormBody`, and `body` describes it in the docs. */
  readonly bodyForm?: boolean;
  /**
   * The handler reads `request.rawBody` itself, after it has proved who sent it; `body` describes
   * it in the docs.
   */
  readonly bodyRaw?: boolean;
  /** The request may come without a body; `request.body` is undefined then. */
  readonly bodyOptional?: boolean;
  /** Example of a good body, shown in the docs. */
  readonly bodyExample?: unknown;
  readonly responses: Readonly<Record<number, ResponseDoc>>;
  readonly bodyBytesMax?: number;
  readonly deadlineMs?: number;
  /** Not written to the access log (health, docs). */
  readonly quiet?: boolean;
  /** Not counted against the caller's rate limit (health). */
  readonly unlimited?: boolean;
  /** Not in OpenAPI. */
  readonly hidden?: boolean;
  /**
   * The handler answers from its arguments alone, synchronously: it is run outside the
   * asynchronous request scope, which costs more than such a handler itself.
   */
  readonly direct?: boolean;
  /** A request may name an `Idempotency-Key`; set by `repeatable`. */
  readonly repeatable?: boolean;
  readonly handler: (
    request: Request<
      Of<P, Readonly<Record<string, string>>>,
      Of<Q, Readonly<Record<string, never>>>,
      Of<B, undefined>
    >,
  ) => Reply | Promise<Reply>;
}

/** A route with its types forgotten, as the kernel holds it. */
export type Route = Omit<
  RouteDefinition<any, any, any>,
  "params" | "query" | "body" | "handler"
> & {
  readonly params?: TSchema;
  readonly query?: TSchema;
  readonly body?: TSchema;
  readonly handler: (request: Request<any, any, any>) => Reply | Promise<Reply>;
};

/** Declares a route. The schemas type the handler's request. */
export function defineRoute<
  P extends TSchema | undefined = undefined,
  Q extends TSchema | undefined = undefined,
  B extends TSchema | undefined = undefined,
>(definition: RouteDefinition<P, Q, B>): Route {
  return Object.freeze(definition) as unknown as Route;
}
