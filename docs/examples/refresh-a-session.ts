/*
 * Keeps the tokens of a user fresh, by the refresh token on standard input:
 *   node --import tsx docs/examples/refresh-a-session.ts ana@example.com < refresh-token.txt
 */
import { text } from "node:stream/consumers";
import {
  authConfigFromEnv,
  AuthenticationError,
  CognitoSession,
  createCognitoRefresher,
} from "brigade/providers";

const session = new CognitoSession({
  refresher: createCognitoRefresher(authConfigFromEnv()),
  refreshToken: (await text(process.stdin)).trim(),
  username: process.argv[2],
});

try {
  const token = await session.getToken();
  console.log(JSON.stringify({ type: token.tokenType, expires_in: token.expiresIn, token }));
} catch (error) {
  if (!(error instanceof AuthenticationError)) throw error;
  // 401: the user has to sign in again. 503: later.
  console.error(`${error.status} ${error.code}`);
  process.exitCode = 1;
}
