import type { Clock } from "../platform/clock.ts";
import type { Histogram, Metrics } from "../platform/metrics.ts";
import { httpLimits } from "../platform/limits.ts";
import type { KeyScope, Principal } from "./principal.ts";
import { isJsonType, parseJson } from "./body.ts";
import { isFormType, parseForm } from "./form.ts";
import { createRouter, parameterNames, type Router } from "./router.ts";
import { keyScopeOf, kindsOf, type Method, type Route } from "./route.ts";
import { createStepUpRule, type StepUpRule } from "./step-up.ts";
import {
  compileBody,
  compileParams,
  compileQuery,
  type ParamsReader,
  type QueryReader,
} from "./validation.ts";

type BytesReader = (bytes: Uint8Array) => unknown;

/** A route with everything about it worked out at boot. One for each of its paths. */
export interface CompiledRoute {
  readonly route: Route;
  /** Label in logs and metrics: method and canonical pattern. */
  readonly label: string;
  readonly isPublic: boolean;
  mayCall(principal: Principal): boolean;
  /** Whether the caller has to prove again who they are. Undefined: never. */
  readonly stepUp: StepUpRule | undefined;
  readonly readParams: ParamsReader;
  readonly readQuery: QueryReader;
  readonly readBody: BytesReader | undefined;
  readonly isBodyType: (contentType: string | undefined) => boolean;
  readonly bodyBytesMax: number;
  readonly deadlineMs: number;
  readonly seconds: Histogram;
}

/** The route table, compiled: aliases are further entries that lead to the same handler. */
export function compileRoutes(
  routes: readonly Route[],
  options: { readonly bodyBytesMax: number; readonly metrics: Metrics; readonly clock: Clock },
): Router<CompiledRoute> {
  const entries = routes.flatMap((route) => {
    const readQuery = compileQuery(route.query);
    const isForm = route.bodyForm === true;
    const label = `${route.method} ${route.path}`;
    const common = {
      route,
      label,
      isPublic: route.access.kind === "public",
      mayCall: callersOf(route),
      stepUp: stepUpOf(route, options.clock),
      readQuery,
      readBody: isForm ? parseForm : route.bodyRaw === true ? LEFT_AS_SENT : readerOf(route),
      isBodyType: isForm ? isFormType : isJsonType,
      bodyBytesMax: route.bodyBytesMax ?? options.bodyBytesMax,
      deadlineMs: route.deadlineMs ?? httpLimits.deadlineMs,
      seconds: options.metrics.histogram(
        "brigade_http_request_seconds",
        "Time from the head of a request to its answer, by route",
        { method: route.method, route: route.path },
      ),
    };
    return placesOf(route).map(({ method, path }) => ({
      method,
      path,
      target: Object.freeze({
        ...common,
        readParams: compileParams(route.params, parameterNames(path)),
      }),
    }));
  });
  return createRouter<CompiledRoute>(entries);
}

const LEFT_AS_SENT: BytesReader = () => undefined;

function readerOf({ body }: Route): BytesReader | undefined {
  if (body === undefined) return undefined;
  const read = compileBody(body);
  return (bytes) => read(parseJson(bytes));
}

/** The canonical place of a route and its aliases, which name the same parameters. */
function placesOf(route: Route): { method: Method; path: string }[] {
  const names = parameterNames(route.path).sort().join();
  const aliases = (route.aliases ?? []).map((alias) => ({
    method: alias.method ?? route.method,
    path: alias.path,
  }));
  for (const alias of aliases) {
    if (parameterNames(alias.path).sort().join() !== names) {
      throw new Error(`the alias ${alias.path} does not name the parameters of ${route.path}`);
    }
  }
  return [{ method: route.method, path: route.path }, ...aliases];
}

function callersOf(route: Route): (principal: Principal) => boolean {
  const { access } = route;
  if (access.kind === "public") return () => true;
  const kinds = kindsOf(access);
  const scope = keyScopeOf(route);
  const isForActors = takesActors(route);
  const isCaller = (principal: Principal) =>
    kinds.includes(principal.kind) &&
    (isForActors || principal.actor === undefined) &&
    (principal.kind !== "api_key" || hasKeyScope(principal, scope));
  if (access.kind === "authenticated") return isCaller;
  const { context, permission } = access;
  return (principal) =>
    isCaller(principal) && (principal.permissions[context]?.includes(permission) ?? false);
}

/**
 * Whoever acts as somebody else may look at what is theirs and do their work, but change nothing
 * that is a person's own affair (a route for users alone), and administer nothing.
 */
function takesActors({ access, method }: Route): boolean {
  if (access.kind === "permission" && access.context === "iam") return false;
  return method === "GET" || kindsOf(access).join() !== "user";
}

/** The scopes of a key are one of `read`, `write` and `read write`. */
function hasKeyScope({ scope }: Principal, needed: KeyScope): boolean {
  return scope?.includes(needed) === true;
}

/** Throws for a route that somebody could call who cannot step up. */
function stepUpOf({ access, method, path }: Route, clock: Clock): StepUpRule | undefined {
  if (access.kind === "public" || access.stepUp === undefined) return undefined;
  if (access.kinds?.join() !== "user") {
    throw new Error(`${method} ${path} asks to step up and is not for users alone`);
  }
  return createStepUpRule(access.stepUp, clock);
}
