/**
 * Kills the daemon and its helpers at random for longer than `npm test` does:
 * `npm run test:chaos -- [--seed N] [--minutes M] [--engine native|docker]`. With Docker, dockerd and
 * containerd's shims are killed too.
 */
import { spawn } from "node:child_process";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    minutes: { type: "string", default: "20" },
    engine: { type: "string", default: process.env.BERTH_TEST_ENGINE ?? "native" },
  },
});
if (!["native", "docker"].includes(values.engine))
  throw new Error(`--engine is native or docker, not ${JSON.stringify(values.engine)}`);
const child = spawn(process.execPath, ["--test", "--test-reporter=spec", "test/chaos.test.ts"], {
  stdio: "inherit",
  env: {
    ...process.env,
    BERTH_CHAOS_MINUTES: values.minutes,
    BERTH_TEST_ENGINE: values.engine,
    ...(values.seed !== undefined && { BERTH_CHAOS_SEED: values.seed }),
  },
});
child.on("exit", (code) => {
  process.exitCode = code ?? 1;
});
