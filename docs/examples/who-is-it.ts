/*
 * Says who holds a token of the user pool of `COGNITO_…`:
 *   node --import tsx docs/examples/who-is-it.ts "$TOKEN"
 */
import {
  authConfigFromEnv,
  AuthenticationError,
  createCognitoAuthorizer,
  TokenExpiredError,
  UserContextExtractor,
} from "brigade/providers";

const authorizer = createCognitoAuthorizer(authConfigFromEnv());
const extractor = new UserContextExtractor({
  rolesOfGroup: { admin: ["recipes_catalog:administrator"], cooks: ["recipes_catalog:user"] },
});

try {
  const user = await extractor.fromToken(authorizer, process.argv[2] ?? "");
  console.log(
    JSON.stringify({
      user_id: user.userId,
      groups: user.groups,
      roles: user.roles,
      is_administrator: user.hasRole("recipes_catalog", "administrator"),
      expires_at: user.expiresAt,
    }),
  );
} catch (error) {
  if (!(error instanceof AuthenticationError)) throw error;
  const hint = error instanceof TokenExpiredError ? "refresh it" : "it is not good here";
  console.error(`${error.code}: ${hint}`);
  process.exitCode = 1;
} finally {
  authorizer.close();
}
