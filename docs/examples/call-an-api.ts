/*
 * Calls an API of somebody else with a token of the client credentials grant:
 *   COGNITO_… in the environment, then
 *   node --import tsx docs/examples/call-an-api.ts https://orders.example/v1/orders orders/read
 */
import { authConfigFromEnv, createCognitoAuthenticator, type AuthNProvider } from "brigade/providers";

const [url, scope] = process.argv.slice(2);
if (url === undefined) throw new Error("the URL to call is missing");

const authenticator = createCognitoAuthenticator(authConfigFromEnv());
// As little as this call needs; without a scope everything that the client may have.
const provider = scope === undefined ? authenticator : authenticator.narrowed({ scope });

/** One client of the API: whoever builds it does not care where tokens come from. */
class OrdersClient {
  readonly #provider: AuthNProvider;

  constructor(provider: AuthNProvider) {
    this.#provider = provider;
  }

  async get(target: string): Promise<unknown> {
    let token = await this.#provider.getToken();
    let response = await fetch(target, { headers: token.toHeaders().toObject() });
    if (response.status === 401) {
      // Taken back before its end: one more try with another one.
      authenticator.forget(token);
      token = await this.#provider.getToken();
      response = await fetch(target, { headers: token.toHeaders().toObject() });
    }
    if (!response.ok) throw new Error(`the API answered ${response.status}`);
    return response.json();
  }
}

const client = new OrdersClient(provider);
// All at once: they share one token, and one request for it.
const answers = await Promise.all([client.get(url), client.get(url), client.get(url)]);
console.log(JSON.stringify({ answers, tokens: authenticator.stats().successes }));
