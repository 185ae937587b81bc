import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { controlLimits } from "../../src/platform/limits.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const read = (name: string) => JSON.parse(readFileSync(join(ROOT, name), "utf8"));
const { $schema, build, deploy, ...rest } = read("railway.json");
const { scripts, engines } = read("package.json");

/** The documented fields and what they may hold. */
const BUILD = new Set(["builder", "buildCommand", "watchPatterns", "dockerfilePath"]);
const DEPLOY = new Set([
  "startCommand",
  "preDeployCommand",
  "healthcheckPath",
  "healthcheckTimeout",
  "restartPolicyType",
  "restartPolicyMaxRetries",
  "overlapSeconds",
  "drainingSeconds",
  "multiRegionConfig",
  "cronSchedule",
  "sleepApplication",
]);

test("railway.json has documented fields only, of the documented kinds", () => {
  assert.equal($schema, "https://railway.com/railway.schema.json");
  assert.deepEqual(rest, {});
  for (const name of Object.keys(build)) assert.ok(BUILD.has(name), name);
  for (const name of Object.keys(deploy)) assert.ok(DEPLOY.has(name), name);
  assert.ok(["NIXPACKS", "DOCKERFILE", "RAILPACK", "HEROKU", "PAKETO"].includes(build.builder));
  assert.ok(["ON_FAILURE", "ALWAYS", "NEVER"].includes(deploy.restartPolicyType));
  assert.ok(deploy.restartPolicyMaxRetries >= 1);
  for (const name of ["healthcheckTimeout", "overlapSeconds", "drainingSeconds"]) {
    assert.equal(typeof deploy[name], "number", name);
  }
  for (const region of Object.values(deploy.multiRegionConfig) as { numReplicas: number }[]) {
    assert.ok(region.numReplicas >= 1);
  }
});

test("its commands run what the build makes, and node itself gets the signals", () => {
  assert.equal(build.buildCommand, "npm run build");
  assert.ok(scripts.build !== undefined);
  assert.equal(deploy.startCommand, "node dist/src/main.js");
  assert.deepEqual(deploy.preDeployCommand.length, 1);
  assert.match(deploy.preDeployCommand[0], /^node dist\/src\/cli\.js migrate$/);
});

test("a deploy waits for readiness and leaves time to drain", () => {
  assert.equal(deploy.healthcheckPath, "/health/ready");
  // The platform's default is none at all: killed in the middle of its answers.
  assert.ok(deploy.drainingSeconds * 1_000 > controlLimits.drainDeadlineMs + 1_000);
  assert.ok(deploy.overlapSeconds > 0);
  // A newer Node has no binary of the HTTP parser.
  assert.match(engines.node, /<23\b/);
});
