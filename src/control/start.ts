import { ConfigError, loadConfig, setHeaderBlockBytes, type Config } from "../platform/config.ts";
import { AppError } from "../platform/errors.ts";
import { createLifecycle, exit, killHard, onSignal, onUncaught } from "../platform/lifecycle.ts";
import { controlLimits } from "../platform/limits.ts";
import { createLogger, type Logger } from "../platform/log.ts";
import { complain } from "./banner.ts";
import { createControlPlane, type ControlPlane } from "./control-plane.ts";
import { portSentence, probePort } from "./port-probe.ts";

const EXIT_DONE = 0;
const EXIT_FAILURE = 1;
/** sysexits.h EX_CONFIG */
const EXIT_CONFIGURATION = 78;

/** Starts everything, or says in one sentence why not and ends the process. */
export async function startProcess(): Promise<void> {
  // Before the first thread loads the HTTP parser, which reads it once.
  setHeaderBlockBytes(controlLimits.headerBlockBytesMax);
  const config = readSettings();
  const log = createLogger(config, { name: "main", process: config.processNumber });
  onUncaught((error) => {
    log.fatal({ err: error }, "uncaught error in main");
    killHard();
  });
  const lifecycle = createLifecycle(log);
  const plane = createControlPlane(config, log, lifecycle);
  let isEnding = false;

  const end = (code: number) => {
    if (isEnding) return killHard();
    isEnding = true;
    setTimeout(() => {
      log.error("the drain took too long");
      killHard();
    }, controlLimits.drainDeadlineMs + 250).unref();
    void drain(plane, lifecycle, log, code);
  };
  onSignal(() => end(EXIT_DONE));

  try {
    if (!config.underProcessManager) await probePort(config.port, config.host);
    await plane.open();
  } catch (error) {
    if (isEnding) return;
    explain(error, config, log);
    // Threads may serve already, and a PostgreSQL of ours may run: they end as in a drain.
    end(EXIT_FAILURE);
  }
}

function readSettings(): Config {
  try {
    return loadConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    complain("The configuration is not usable:", ...error.faults.map((fault) => `  ${fault}`));
    return exit(EXIT_CONFIGURATION);
  }
}

async function drain(
  plane: ControlPlane,
  lifecycle: ReturnType<typeof createLifecycle>,
  log: Logger,
  code: number,
): Promise<void> {
  // After a failed start one sentence on the terminal is all there is to say.
  const level = code === EXIT_DONE ? "info" : "debug";
  try {
    log[level]("draining");
    await plane.drain();
    await lifecycle.close();
    log[level]("drained");
    exit(code);
  } catch (error) {
    log.error({ err: error }, "the drain failed");
    killHard();
  }
}

/** Says in one sentence why the start failed. */
function explain(error: unknown, config: Config, log: Logger): void {
  const code = (error as NodeJS.ErrnoException).code;
  if ((error as NodeJS.ErrnoException).syscall === "listen") {
    complain(portSentence(error as NodeJS.ErrnoException, config.port, config.host));
  } else if (error instanceof AppError) {
    complain(
      `the start failed: ${error.detail ?? error.title}${error.note === undefined ? "" : ` (${error.note})`}`,
    );
  } else {
    complain(`the start failed: ${(error as Error).message ?? code}`);
  }
  log.debug({ err: error }, "the start failed");
}
