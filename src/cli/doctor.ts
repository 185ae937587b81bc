import { readFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { ConfigError, loadConfig, type Config } from "../platform/config.ts";
import { cliLimits } from "../platform/limits.ts";
import type { Logger } from "../platform/log.ts";
import { defineCommand, EXIT } from "./command.ts";
import { examineDatabase } from "./doctor-database.ts";
import { examineMail } from "./doctor-mail.ts";
import { createTerminalLog, withDatabaseUrl } from "./open-database.ts";
import { printable, type Terminal } from "./terminal.ts";

/** What one look found. A warning lets the server run; a failure does not. */
export interface Finding {
  readonly name: string;
  readonly verdict: "ok" | "warn" | "fail";
  readonly text: string;
}

export const doctorCommands = [
  defineCommand({
    name: "doctor",
    summary: "Checks Node.js, the configuration, this machine and the database; changes nothing.",
    positionals: [],
    options: { json: { type: "boolean", description: "JSON lines in place of text" } },
    notes: ["Ends with 1 when something would keep the server from working, 78 for settings."],
    async run({ values, terminal }) {
      const verdicts = new Set<Finding["verdict"]>();
      const tell = (finding: Finding) => {
        verdicts.add(finding.verdict);
        const { name, verdict, text } = finding;
        terminal.out(
          values.json === true
            ? JSON.stringify(finding)
            : `${verdict.padEnd(5)} ${name.padEnd(14)} ${printable(text)}`,
        );
      };
      const config = examineSettings(tell);
      for (const finding of [nodeVersion(process.versions.node), openFiles(readLimits())]) {
        tell(finding);
      }
      if (config === undefined) return EXIT.configuration;
      await examine(config, terminal, tell);
      return verdicts.has("fail") ? EXIT.failure : EXIT.ok;
    },
  }),
];

type Tell = (finding: Finding) => void;

function examineSettings(tell: Tell): Config | undefined {
  try {
    const config = loadConfig();
    tell({ name: "configuration", verdict: "ok", text: config.environment });
    return config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const fault of error.faults) {
      tell({ name: "configuration", verdict: "fail", text: fault });
    }
    return undefined;
  }
}

async function examine(config: Config, terminal: Terminal, tell: Tell): Promise<void> {
  tell(await freeSpace(config));
  tell(await examineMail(config));
  const log: Logger = createTerminalLog(config, terminal);
  try {
    await withDatabaseUrl(config, log, (url) => examineDatabase(config, url, log, tell));
  } catch (error) {
    tell({ name: "database", verdict: "fail", text: (error as Error).message });
  }
}

/** The range for which there is a binary of the HTTP server. */
export function nodeVersion(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isSupported = major === 20 ? minor >= 19 : major === 21 || major === 22;
  return {
    name: "node",
    verdict: isSupported ? "ok" : "fail",
    text: isSupported ? version : `${version}: 20.19 or later and below 23 is needed`,
  };
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
  if (soft === undefined) return { name, verdict: "ok", text: "not known on this system" };
  const isEnough = soft === "unlimited" || Number(soft) >= cliLimits.openFilesMinCount;
  return {
    name,
    verdict: isEnough ? "ok" : "warn",
    text: isEnough
      ? soft
      : `${soft}: raise \`ulimit -n\` to ${cliLimits.openFilesMinCount}, each connection takes one`,
  };
}

async function freeSpace(config: Config): Promise<Finding> {
  const name = "disk";
  if (config.databaseUrl !== undefined)
    return { name, verdict: "ok", text: "nothing is kept here" };
  // The folder may not be there yet: it will be made below the working directory.
  const { bavail, bsize } = await statfs(config.dataDir).catch(() => statfs("."));
  const freeBytes = bavail * bsize;
  const isEnough = freeBytes >= cliLimits.diskFreeMinBytes;
  return {
    name,
    verdict: isEnough ? "ok" : "warn",
    text: `${Math.floor(freeBytes / 1024 ** 2)} MiB free for the embedded database`,
  };
}
