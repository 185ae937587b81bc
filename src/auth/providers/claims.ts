import { systemClock, type Clock } from "../../platform/clock.ts";
import { ConfigurationError } from "./failures.ts";

export interface AuthZClaimsFields {
  readonly sub: string;
  readonly iss: string;
  /** The audience; the client of a Cognito access token, which has no other. */
  readonly aud: string;
  /** Seconds since the epoch. */
  readonly exp: number;
  readonly iat: number;
  readonly email?: string | undefined;
  readonly groups?: readonly string[];
  /** The whole claims set, as the issuer signed it. */
  readonly payload?: Readonly<Record<string, unknown>>;
}

const NAMES = ["sub", "iss", "aud", "exp", "iat", "email", "groups", "payload"];

/** What a verified token says of its holder. Frozen: claims are added by `with`. */
export class AuthZTokenClaims {
  readonly sub: string;
  readonly iss: string;
  readonly aud: string;
  readonly exp: number;
  readonly iat: number;
  readonly email: string | undefined;
  readonly groups: readonly string[];
  /** The whole claims set, as the issuer signed it. */
  readonly payload: Readonly<Record<string, unknown>>;
  readonly #fields: AuthZClaimsFields;
  readonly #clock: Clock;

  constructor(fields: AuthZClaimsFields, clock: Clock = systemClock) {
    this.sub = fields.sub;
    this.iss = fields.iss;
    this.aud = fields.aud;
    this.exp = fields.exp;
    this.iat = fields.iat;
    this.email = fields.email;
    this.groups = Object.freeze([...(fields.groups ?? [])]);
    this.payload = fields.payload ?? Object.freeze({});
    this.#fields = fields;
    this.#clock = clock;
    if (new.target === AuthZTokenClaims) Object.freeze(this);
  }

  get isExpired(): boolean {
    return this.#clock.nowSeconds() >= this.exp;
  }

  /**
   * The same claims and further ones. None that the token speaks of itself can be replaced: whoever
   * reads `sub` reads what the issuer signed.
   */
  with<Extra extends Readonly<Record<string, unknown>>>(extra: Extra): this & Readonly<Extra> {
    const taken = Object.keys(extra).find(
      (name) => NAMES.includes(name) || name in AuthZTokenClaims.prototype,
    );
    if (taken !== undefined) throw new ConfigurationError(`the claim ${taken} cannot be replaced`);
    const own = Object.fromEntries(Object.entries(this).filter(([name]) => !NAMES.includes(name)));
    const copy = new ExtendedClaims(this.#fields, this.#clock, { ...own, ...extra });
    return copy as unknown as this & Readonly<Extra>;
  }
}

class ExtendedClaims extends AuthZTokenClaims {
  constructor(fields: AuthZClaimsFields, clock: Clock, extra: Readonly<Record<string, unknown>>) {
    super(fields, clock);
    Object.freeze(Object.assign(this, extra));
  }
}
