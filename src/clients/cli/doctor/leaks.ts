import type { Config } from "../../../ground/config/index.ts";
import { messageOf } from "../../../ground/errors/index.ts";
import { berthV1 } from "../../../ground/protocol/index.ts";
import { type Finding, findLeaks } from "../../doctor/index.ts";
import { connect } from "../client/connect.ts";
import type { Invocation } from "../invocation.ts";
import type { ConnectionOptions } from "../options.ts";

/** What is left of pods that the daemon does not know. Without the daemon, that cannot be determined. */
export async function examineLeaks(
  config: Config,
  options: ConnectionOptions,
  invocation: Invocation,
): Promise<readonly Finding[]> {
  try {
    using client = await connect(options, invocation);
    // Lists of the CRI leave out other owners' pods, those being made, and records that cannot be read.
    const knownIds = async () => (await client.unary(berthV1.BerthService.listIds, {})).ids;
    return await findLeaks(config, knownIds, invocation.signal);
  } catch (error) {
    invocation.signal.throwIfAborted();
    const detail = `the search failed: ${messageOf(error)}`;
    return [{ severity: "warn", title: "leaks", detail, remedy: "run it as root while berthd is running" }];
  }
}
