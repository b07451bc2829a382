import { createLogger } from "../../logging/index.ts";
import { CniNetwork } from "../index.ts";

/** A process that attaches one pod, to be killed in the middle of it. Its argument is JSON: `{options, pod}`. */
const { options, pod } = JSON.parse(process.argv[2] ?? "{}");
await using network = await CniNetwork.open(options, createLogger({ level: "silent", format: "json" }));
await network.attach(pod);
