import { devIssuerLimits as limits } from "../../platform/limits.ts";
import { invalidParameter, ServiceError } from "./service-error.ts";

/** What a request said, before anybody looked at it. */
export type Input = Readonly<Record<string, unknown>>;

/** The members of a JSON object; throws `SerializationException`. */
export function readInput(text: string): Input {
  let value: unknown;
  try {
    value = text === "" ? {} : JSON.parse(text);
  } catch {
    // Answered below, as any other value that is no object.
  }
  if (!isInput(value)) throw new ServiceError("SerializationException", "not a JSON object");
  return value;
}

export function isInput(value: unknown): value is Input {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function optionalText(input: Input, name: string): string | undefined {
  const value = input[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") {
    throw new ServiceError("SerializationException", `${name} must be a string`);
  }
  if (value.length > limits.textMaxCharacters) throw invalidParameter(`${name} is too long`);
  return value;
}

export function textOf(input: Input, name: string): string {
  const value = optionalText(input, name);
  if (value === undefined || value === "")
    throw invalidParameter(`Missing required parameter ${name}`);
  return value;
}

/** A whole number of that range. */
export function optionalNumber(
  input: Input,
  name: string,
  max: number,
  min = 0,
): number | undefined {
  const value = input[name];
  if (value === undefined || value === null) return undefined;
  if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
    throw invalidParameter(`${name} must be a whole number from ${min} to ${max}`);
  }
  return value as number;
}

export function optionalFlag(input: Input, name: string): boolean {
  const value = input[name] ?? false;
  if (typeof value !== "boolean") throw invalidParameter(`${name} must be true or false`);
  return value;
}

export function objectOf(input: Input, name: string): Input {
  const value = input[name] ?? {};
  if (!isInput(value))
    throw new ServiceError("SerializationException", `${name} must be an object`);
  return value;
}

/** `[{ Name, Value }]` of users. */
export function attributesOf(input: Input, name: string): Map<string, string> {
  const list = input[name] ?? [];
  if (!Array.isArray(list))
    throw new ServiceError("SerializationException", `${name} must be a list`);
  const attributes = new Map<string, string>();
  for (const entry of list) {
    if (!isInput(entry)) throw invalidParameter(`${name} is not a list of attributes`);
    const key = textOf(entry, "Name");
    if (key === "sub") throw invalidParameter("Cannot modify the non-mutable attribute sub");
    attributes.set(key, optionalText(entry, "Value") ?? "");
  }
  if (attributes.size > limits.listMaxCount) throw invalidParameter(`${name} has too many entries`);
  return attributes;
}
