import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const README = new URL("../../README.md", import.meta.url);
const READY_POLLS = 200;
const POLL_MS = 50;

export type ProxyName = "nginx" | "Caddy" | "HAProxy";

/** A port the proxy listens on, and the one of ours behind it. */
export interface Lane {
  readonly listen: number;
  readonly target: number;
}

interface Recipe {
  readonly program: string;
  readonly versionWord: string;
  /** The whole file around the blocks of README, one for each lane. */
  config(lanes: readonly (Lane & { block: string })[], folder: string): string;
  words(file: string, folder: string): readonly string[];
}

const RECIPES: Readonly<Record<ProxyName, Recipe>> = {
  nginx: {
    program: "nginx",
    versionWord: "-v",
    config: (lanes, folder) =>
      [
        `daemon off; master_process off; error_log stderr; pid ${folder}/nginx.pid;`,
        "events {}",
        "http { access_log off;",
        ...["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
          (kind) => `${kind}_temp_path ${folder}/${kind};`,
        ),
        ...lanes.map(({ listen, block }) => `server { listen 127.0.0.1:${listen};\n${block}}`),
        "}",
      ].join("\n"),
    words: (file, folder) => ["-p", folder, "-c", file],
  },
  Caddy: {
    program: "caddy",
    versionWord: "version",
    config: (lanes) =>
      [
        "{\n  admin off\n  auto_https off\n  default_bind 127.0.0.1\n}",
        ...lanes.map(({ listen, block }) => block.replace("example.com", `http://:${listen}`)),
      ].join("\n"),
    words: (file) => ["run", "--config", file, "--adapter", "caddyfile"],
  },
  HAProxy: {
    program: "haproxy",
    versionWord: "-v",
    config: (lanes) =>
      [
        "defaults",
        "  mode http",
        "  timeout connect 5s\n  timeout client 30s\n  timeout server 30s",
        ...lanes.flatMap(({ listen, block }, index) => [
          `frontend front${index}`,
          `  bind 127.0.0.1:${listen}`,
          `  default_backend brigade${index}`,
          block.replace("backend brigade", `backend brigade${index}`),
        ]),
      ].join("\n"),
    words: (file) => ["-db", "-f", file],
  },
};

/** Why it cannot be run, or undefined when it can. */
export function proxyMissing(name: ProxyName): string | undefined {
  const { program, versionWord } = RECIPES[name];
  const { error } = spawnSync(program, [versionWord], { stdio: "ignore", env: searchPath() });
  return error === undefined ? undefined : `${program} is not installed`;
}

/** The block of README below the proxy's name. */
export function readmeBlock(name: ProxyName): string {
  const block = new RegExp(`^${name}:\n\n\`\`\`\\w*\n([^\`]+)\`\`\``, "m").exec(
    readFileSync(README, "utf8"),
  )?.[1];
  if (block === undefined) throw new Error(`README has no configuration for ${name}`);
  if (!block.includes("127.0.0.1:8000")) throw new Error(`the one for ${name} has another port`);
  return block;
}

/** Runs the proxy with the configuration that README gives, but for ports and the site's name. */
export async function startProxy(
  name: ProxyName,
  lanes: readonly Lane[],
): Promise<{ stop(): Promise<void> }> {
  const { program, config, words } = RECIPES[name];
  const folder = mkdtempSync(join(tmpdir(), `brigade-${program}-`));
  chmodSync(folder, 0o755);
  const file = join(folder, "proxy.conf");
  const block = readmeBlock(name);
  const blocks = lanes.map((lane) => ({
    ...lane,
    block: block.replaceAll("127.0.0.1:8000", `127.0.0.1:${lane.target}`),
  }));
  writeFileSync(file, `${config(blocks, folder)}\n`);
  const child = spawn(program, words(file, folder), {
    cwd: folder,
    env: { ...searchPath(), HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let told = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (told += text));
  }
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = async () => {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), 3_000);
    await exited;
    clearTimeout(timer);
    rmSync(folder, { recursive: true, force: true });
  };
  for (let poll = 0; !(await areListening(lanes)); poll++) {
    if (child.exitCode !== null || poll > READY_POLLS) {
      await stop();
      throw new Error(`${program} did not start: ${told}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return { stop };
}

async function areListening(lanes: readonly Lane[]): Promise<boolean> {
  const open = lanes.map(
    ({ listen }) =>
      new Promise<boolean>((resolve) => {
        const socket = connect(listen, "127.0.0.1");
        socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
        socket.on("connect", () => socket.destroy());
      }),
  );
  return (await Promise.all(open)).every(Boolean);
}

/** Debian puts servers where only root looks. */
function searchPath(): Record<string, string> {
  return { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/usr/local/sbin` };
}
