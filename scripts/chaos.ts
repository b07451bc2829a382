/**
 * Kills the daemon and its helpers at random for longer than `npm test` does:
 * `npm run test:chaos -- [--seed N] [--minutes M]`.
 */
import { spawn } from "node:child_process";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: { seed: { type: "string" }, minutes: { type: "string", default: "20" } },
});
const child = spawn(process.execPath, ["--test", "--test-reporter=spec", "test/chaos.test.ts"], {
  stdio: "inherit",
  env: {
    ...process.env,
    BERTH_CHAOS_MINUTES: values.minutes,
    ...(values.seed !== undefined && { BERTH_CHAOS_SEED: values.seed }),
  },
});
child.on("exit", (code) => {
  process.exitCode = code ?? 1;
});
