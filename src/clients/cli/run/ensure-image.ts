import { type Client, imageStatus } from "../../criclient/index.ts";
import { CliError } from "../errors.ts";
import type { Io } from "../invocation.ts";
import { pullImage } from "../pull/pull-image.ts";
import { createReporter } from "../pull/reporter.ts";
import type { PullPolicy } from "./options.ts";

/** The id of the image, pulled when the policy wants that. Throws CliError NotFound when it is not here and may not be pulled. */
export async function ensureImage(
  client: Client,
  reference: string,
  policy: PullPolicy,
  io: Io,
): Promise<string> {
  // As for CRI's CreateContainer: the archive of a checkpoint.
  if (reference.startsWith("/")) return reference;
  const present = policy === "always" ? undefined : (await imageStatus(client, reference))?.image.id;
  if (present !== undefined) return present;
  if (policy === "never")
    throw new CliError("NotFound", `image ${reference} not found, and --pull=never is set`);
  using reporter = createReporter(io);
  return await pullImage(client, reference, reporter);
}
