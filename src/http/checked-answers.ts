import type { TSchema } from "typebox";
import { Compile } from "typebox/schema";
import type { Answers } from "./answer.ts";
import { toOpenApi } from "./openapi.ts";
import type { Route } from "./route.ts";
import { headersOf, type Wire } from "./wire.ts";

/** What is wrong with an answer, or undefined. */
type Check = (wire: Wire) => string | undefined;
type Json = Readonly<Record<string, any>>;

/**
 * Answers that are held against the OpenAPI document: one that contradicts it becomes an internal
 * error, which no test overlooks. For the environment `test`.
 */
export function checkedAnswers(answers: Answers): Answers {
  const known = new WeakMap<Route, Map<number, Check | undefined>>();
  function checked(route: Route | undefined, wire: Wire): Wire {
    const { status } = wire;
    // Nothing is left to be said instead of a 500.
    if (route === undefined || route.hidden === true || status === 500) return wire;
    const checks = known.get(route) ?? new Map<number, Check | undefined>();
    known.set(route, checks);
    if (!checks.has(status)) checks.set(status, findCheck(route, status));
    const check = checks.get(status);
    const fault = check === undefined ? "is not documented" : check(wire);
    if (fault === undefined) return wire;
    const message = `${route.method} ${route.path}, the answer ${status}: ${fault}`;
    // Many a test keeps no log.
    process.emitWarning(message, "AnswerWarning");
    throw new TypeError(message);
  }
  return Object.freeze<Answers>({
    ofReply: (exchange, reply) => checked(exchange.target?.route, answers.ofReply(exchange, reply)),
    ofFailure: (exchange, failure) =>
      checked(exchange.target?.route, answers.ofFailure(exchange, failure)),
  });
}

/** What the document says of one answer of a route; undefined: nothing. */
function findCheck(route: Route, status: number): Check | undefined {
  const document: Json = toOpenApi([route], { version: "", issuer: "" });
  const { responses } = document["paths"][route.path][route.method.toLowerCase()];
  const response: Json | undefined = responses[status];
  return response && checkOf(document, resolved(document, response)["content"] ?? {});
}

function checkOf(document: Json, content: Json): Check {
  const validators = new Map(
    Object.entries<Json>(content).map(([type, { schema }]) => [
      type,
      schema === undefined ? undefined : Compile(resolved(document, schema)),
    ]),
  );
  if (validators.size === 0) return ({ body }) => (body.length === 0 ? undefined : "has a body");
  return (wire) => {
    const type = headersOf(wire)["content-type"]?.split(";")[0] ?? "";
    if (!validators.has(type)) return `is ${type} and not ${[...validators.keys()].join(" or ")}`;
    const validator = validators.get(type);
    if (validator === undefined) return undefined;
    const value: unknown = JSON.parse(textOf(wire));
    if (validator.Check(value)) return undefined;
    const [, errors] = validator.Errors(value);
    return errors.map(({ instancePath, message }) => `${instancePath} ${message}`).join(", ");
  };
}

const textOf = ({ body }: Wire) => (typeof body === "string" ? body : Buffer.from(body).toString());

/** A reference of the document followed. */
function resolved(document: Json, part: Json): Json & TSchema {
  const reference: string | undefined = part["$ref"];
  if (reference === undefined) return part as Json & TSchema;
  const keys = reference.slice(2).split("/");
  return keys.reduce<any>((place, key) => place[key], document);
}
