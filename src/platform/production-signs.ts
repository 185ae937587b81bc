import type { Environment } from "./environment.ts";

/** They name the environment. */
const NAMES = ["NODE_ENV", "APP_ENV", "ENVIRONMENT"];

/** Set by a platform for what it runs: Lambda and ECS, Kubernetes, Cloud Run, Azure, Heroku, … */
const PLATFORMS =
  /^(?:AWS_EXECUTION_ENV|AWS_LAMBDA_.+|ECS_CONTAINER_METADATA_URI.*|KUBERNETES_SERVICE_HOST|RAILWAY_ENVIRONMENT.*|RAILWAY_PROJECT_ID|K_SERVICE|WEBSITE_INSTANCE_ID|DYNO|FLY_APP_NAME|RENDER_SERVICE_ID|VERCEL_ENV)$/;

/**
 * Variables by which an environment looks like one that others depend on. Rather one too many: what
 * asks is for a workstation alone.
 */
export function findProductionSigns(environment: Environment): string[] {
  return Object.entries(environment)
    .filter(([name, given]) => {
      const value = given?.trim() ?? "";
      return NAMES.includes(name)
        ? /^(?:prod|production|live|staging)$/i.test(value)
        : value !== "" && PLATFORMS.test(name);
    })
    .map(([name]) => name)
    .toSorted();
}
