/** What a caller is told about one kind of failure: status and a constant title. */
export interface ErrorKind {
  readonly status: number;
  readonly title: string;
}

export type ErrorTable = Readonly<Record<string, ErrorKind>>;

/** One broken rule of a request. `path` is a JSON pointer under body, query, path or headers. */
export interface FieldFault {
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

/** An expected refusal as a value: no stack is captured for an expired token. */
export interface Rejection {
  readonly rejected: true;
  readonly code: string;
  readonly status: number;
  readonly title: string;
  /** For the log only: why. Never sent. */
  readonly note?: string;
  /** For operators only: whom a refused token proves to be of. Never sent. */
  readonly who?: ProvenCaller;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Who holds a token whose signature is good, whatever else is wrong with it. */
export interface ProvenCaller {
  readonly tenantId: string;
  readonly issuer: string;
  readonly subject: string;
  readonly sessionId: string | undefined;
}

export interface FailureOptions {
  /** One more sentence that a client may see. Constant text or the client's own words only. */
  readonly detail?: string;
  /** For the log only. */
  readonly note?: string;
  readonly cause?: unknown;
  readonly errors?: readonly FieldFault[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the problem (RFC 9457 §3.2): what the caller needs for its next step. */
  readonly members?: Readonly<Record<string, unknown>>;
}

/** A failure with a stable code. `note` and `cause` go to the log, never to the client. */
export class AppError extends Error {
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly detail: string | undefined;
  readonly note: string | undefined;
  readonly errors: readonly FieldFault[] | undefined;
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly members: Readonly<Record<string, unknown>> | undefined;

  constructor(code: string, kind: ErrorKind, options: FailureOptions = {}) {
    super(options.detail ?? kind.title, { cause: options.cause });
    this.name = "AppError";
    this.code = code;
    this.status = kind.status;
    this.title = kind.title;
    this.detail = options.detail;
    this.note = options.note;
    this.errors = options.errors;
    this.headers = options.headers;
    this.members = options.members;
  }
}

/**
 * Binds a table of error kinds to two makers: `failure` to throw, `rejection` to return.
 * The table is the type: a code that is not in it does not compile.
 */
export function defineErrors<T extends ErrorTable>(table: T) {
  type Code = Extract<keyof T, string>;
  const kindOf = (code: Code): ErrorKind => table[code] as ErrorKind;
  return {
    table,
    failure: (code: Code, options?: FailureOptions): AppError =>
      new AppError(code, kindOf(code), options),
    rejection: (
      code: Code,
      options: { note?: string; headers?: Readonly<Record<string, string>> } = {},
    ): Rejection => Object.freeze({ rejected: true as const, code, ...kindOf(code), ...options }),
  };
}

export function isRejection(value: object): value is Rejection {
  return "rejected" in value;
}

/** Codes that any layer may answer. */
export const platformErrors = defineErrors({
  not_found: { status: 404, title: "The resource was not found" },
  conflict: { status: 409, title: "The request conflicts with the present state" },
  version_conflict: { status: 409, title: "The resource was changed by somebody else" },
  validation_failed: { status: 422, title: "The request breaks a rule of its schema" },
  overloaded: { status: 503, title: "The server is busy; try again shortly" },
  unavailable: { status: 503, title: "A service that this request needs is away" },
  internal: { status: 500, title: "An unexpected error occurred" },
});
