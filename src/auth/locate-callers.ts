import type { AnyRequest } from "../http/request.ts";
import type { Route } from "../http/route.ts";
import type { CountryOf } from "./network/country.ts";

const countries = new WeakMap<AnyRequest, string>();

/**
 * The same routes; those that may change something know the country of their caller's address
 * before they begin, so that every event they write names it and nobody holds rows while a file is
 * read.
 */
export function locateCallers(routes: readonly Route[], countryOf: CountryOf): Route[] {
  return routes.map((route) => (route.method === "GET" ? route : locating(route, countryOf)));
}

function locating(route: Route, countryOf: CountryOf): Route {
  return Object.freeze({
    ...route,
    async handler(request: AnyRequest) {
      const country = await countryOf(request.address);
      if (country !== undefined) countries.set(request, country);
      return route.handler(request);
    },
  });
}

/** ISO 3166 alpha-2; undefined where none is known, or nobody looked. */
export function countryOfCaller(request: AnyRequest): string | undefined {
  return countries.get(request);
}
