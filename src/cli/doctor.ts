import { readFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { ConfigError, loadConfig, type Config } from "../platform/config.ts";
import { cliLimits } from "../platform/limits.ts";
import type { Logger } from "../platform/log.ts";
import { defineCommand, EXIT } from "./command.ts";
import { examineDatabase } from "./doctor-database.ts";
import {
  FINDINGS,
  found,
  severityOf,
  toJson,
  well,
  type Finding,
  type Tell,
} from "./doctor-findings.ts";
import { examineServices } from "./doctor-services.ts";
import { examineSecrets, proxyHops } from "./doctor-settings.ts";
import { createTerminalLog, withDatabaseUrl } from "./open-database.ts";
import { printable, type Terminal } from "./terminal.ts";

export const doctorCommands = [
  defineCommand({
    name: "doctor",
    summary:
      "Checks this machine, the settings, the database, the keys and what we call; changes nothing.",
    positionals: [],
    options: { json: { type: "boolean", description: "JSON lines in place of text" } },
    notes: [
      "Ends with 1 when a finding is an error, 78 for settings that keep the server from starting.",
      "docs/doctor.md tells what each code means.",
    ],
    async run({ values, terminal }) {
      const severities = new Set<string>();
      const tell: Tell = (finding) => {
        severities.add(severityOf(finding));
        if (values.json === true) terminal.out(JSON.stringify(toJson(finding)));
        else for (const line of toLines(finding)) terminal.out(line);
      };
      const config = examineSettings(tell);
      for (const finding of [nodeVersion(process.versions.node), openFiles(readLimits())]) {
        tell(finding);
      }
      if (config === undefined) return EXIT.configuration;
      await examine(config, terminal, tell);
      return severities.has("error") ? EXIT.failure : EXIT.ok;
    },
  }),
];

function toLines(finding: Finding): string[] {
  const { name, text, code } = finding;
  const first = `${severityOf(finding).padEnd(8)} ${name.padEnd(15)} ${printable(text)}`;
  if (code === undefined) return [first];
  const { cause, command } = FINDINGS[code];
  return [first, `         ${code}: ${cause}`, `         → ${command}`];
}

function examineSettings(tell: Tell): Config | undefined {
  try {
    const config = loadConfig();
    tell(well("settings", config.environment));
    return config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const fault of error.faults) tell(found("settings", "settings_invalid", fault));
    return undefined;
  }
}

async function examine(config: Config, terminal: Terminal, tell: Tell): Promise<void> {
  tell(await freeSpace(config));
  tell(proxyHops(config));
  for (const finding of await examineSecrets(config)) tell(finding);
  const log: Logger = createTerminalLog(config, terminal);
  let kids: readonly string[] | undefined;
  try {
    await withDatabaseUrl(config, log, async (url) => {
      kids = await examineDatabase(config, url, log, tell);
    });
  } catch (error) {
    tell(found("database", "database_away", (error as Error).message));
  }
  await examineServices(config, { kids, log, tell });
}

/** The range for which there is a binary of the HTTP server. */
export function nodeVersion(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isSupported = major === 20 ? minor >= 19 : major === 21 || major === 22;
  if (isSupported) return well("node", version);
  return found("node", "node_unsupported", `${version}: 20.19 or later and below 23 is needed`);
}

function readLimits(): string | undefined {
  try {
    return readFileSync("/proc/self/limits", "utf8");
  } catch {
    return undefined;
  }
}

/** `text`: what Linux tells of the limits of this process. */
export function openFiles(text: string | undefined): Finding {
  const name = "open files";
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(text ?? "")?.[1];
  if (soft === undefined) return well(name, "not known on this system");
  const isEnough = soft === "unlimited" || Number(soft) >= cliLimits.openFilesMinCount;
  return isEnough
    ? well(name, soft)
    : found(name, "open_files_few", `${soft} of at least ${cliLimits.openFilesMinCount}`);
}

async function freeSpace(config: Config): Promise<Finding> {
  if (config.databaseUrl !== undefined) return well("disk", "nothing is kept here");
  // The folder may not be there yet: it will be made below the working directory.
  const { bavail, bsize } = await statfs(config.dataDir).catch(() => statfs("."));
  return diskFinding(bavail * bsize);
}

export function diskFinding(freeBytes: number): Finding {
  const text = `${Math.floor(freeBytes / 1024 ** 2)} MiB free for the embedded database`;
  return freeBytes >= cliLimits.diskFreeMinBytes
    ? well("disk", text)
    : found("disk", "disk_full", text);
}
