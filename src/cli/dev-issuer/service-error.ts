/** A refusal of the JSON interface, under Cognito's own name and with its status. */
export class ServiceError extends Error {
  readonly type: string;
  readonly status: number;
  constructor(type: string, message: string, status = 400) {
    super(message);
    this.name = "ServiceError";
    this.type = type;
    this.status = status;
  }
}

export const notAuthorized = (message: string) =>
  new ServiceError("NotAuthorizedException", message);

export const invalidParameter = (message: string) =>
  new ServiceError("InvalidParameterException", message);

export const notFound = (message: string) => new ServiceError("ResourceNotFoundException", message);

/** One sentence for a wrong password and for a user who is not there. */
export const wrongPassword = () => notAuthorized("Incorrect username or password.");

/** A refusal of the token endpoint (RFC 6749 §5.2). Cognito answers 400, also for `invalid_client`. */
export class OAuthError extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.name = "OAuthError";
    this.code = code;
  }
}
