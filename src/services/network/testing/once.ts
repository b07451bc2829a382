import { createLogger } from "../../../ground/logging/index.ts";
import { CniNetwork } from "../index.ts";

/**
 * A process that attaches or detaches one pod, for tests that kill it half-way. Its argument is JSON:
 * `{options, pod, command}`.
 */
const { options, pod, command } = JSON.parse(process.argv[2] ?? "{}");
const { builtinThread: thread } = options;
const builtinThread = thread === undefined ? {} : { builtinThread: new URL(thread) };
await using network = await CniNetwork.open(
  { ...options, ...builtinThread },
  createLogger({ level: "silent", format: "json" }),
);
await (command === "DEL" ? network.detach(pod.sandboxId) : network.attach(pod));
