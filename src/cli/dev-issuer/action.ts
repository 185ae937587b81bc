import type { Directory } from "./directory.ts";
import type { Input } from "./input.ts";

/** One action of the JSON interface. Refusals are thrown as `ServiceError`. */
export type Action = (input: Input, directory: Directory) => object | Promise<object>;
