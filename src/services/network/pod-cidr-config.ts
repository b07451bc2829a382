import { readFile, rename, writeFile } from "node:fs/promises";
import { isIPv6 } from "node:net";
import { makeDirectories } from "../../ground/directories/index.ts";
import { addressOf } from "./address.ts";
import { configFiles } from "./config-directory.ts";
import { renderTemplate } from "./config-template.ts";
import { parseNetworkConfig } from "./network-config.ts";
import { NetworkError } from "./network-error.ts";

const fileName = "10-berth-net.conflist";

type PodCidrConfig = {
  /** Path of the template. */
  readonly template: string;
  readonly directory: string;
  /** One or two ranges, separated by a comma: "10.1.2.0/24,fd00:1::/64". */
  readonly cidr: string;
};

/**
 * Writes a network configuration for the node's pod CIDR, unless the directory has one from somebody else.
 * The template gets `PodCIDR` (the first range), `PodCIDRRanges` (all) and `Routes` (a default route for each
 * family). Throws NetworkError InvalidArgument (the ranges) and FailedPrecondition (the template).
 */
export async function writePodCidrConfig({ template, directory, cidr }: PodCidrConfig): Promise<void> {
  const ranges = parseRanges(cidr);
  await makeDirectories(directory, 0o755);
  if ((await configFiles(directory)).some((name) => name !== fileName)) return;
  const text = renderTemplate(await readTemplate(template), {
    PodCIDR: ranges[0] ?? "",
    PodCIDRRanges: ranges,
    Routes: ranges.map((range) => (isIPv6(addressOf(range) ?? "") ? "::/0" : "0.0.0.0/0")),
  });
  checkConfig(text, template);
  const path = `${directory}/${fileName}`;
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

function parseRanges(cidr: string): readonly string[] {
  const ranges = cidr.split(",").map((range) => range.trim());
  for (const range of ranges) {
    if (addressOf(range) === undefined) {
      throw new NetworkError(
        "InvalidArgument",
        `the pod CIDR ${JSON.stringify(range)} is not an address range`,
      );
    }
  }
  return ranges;
}

async function readTemplate(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new NetworkError("FailedPrecondition", `the CNI configuration template ${path} cannot be read`, {
      cause,
    });
  }
}

function checkConfig(text: string, template: string): void {
  try {
    parseNetworkConfig(text);
  } catch (cause) {
    throw new NetworkError(
      "FailedPrecondition",
      `the template ${template} does not render a valid CNI configuration`,
      { cause },
    );
  }
}
