import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exists } from "../../src/ground/fs/index.ts";
import type { BerthOptions } from "./berth.ts";
import { eventually } from "./condition.ts";

/** A CNI plugin whose ADD blocks until it is opened, and from then on does not block. */
export class GatePlugin {
  /** A daemon with a network of only this plugin. */
  readonly options: Pick<BerthOptions, "network" | "pluginDirs">;
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
    const network = { cniVersion: "1.0.0", name: "gated", plugins: [{ type: "gate" }] };
    this.options = { network, pluginDirs: [directory] };
  }

  static async write(directory: string): Promise<GatePlugin> {
    const result = JSON.stringify({ cniVersion: "1.0.0", ips: [{ address: "10.255.0.2/24" }] });
    const script = `#!/bin/sh
cat > /dev/null
[ "$CNI_COMMAND" = ADD ] || exit 0
touch ${directory}/begun
while [ ! -e ${directory}/go ]; do sleep 0.05; done
echo '${result}'
`;
    await writeFile(join(directory, "gate"), script, { mode: 0o755 });
    return new GatePlugin(directory);
  }

  /** Resolves when a pod has reached it. */
  async begun(): Promise<void> {
    await eventually("the pod is being made", () => exists(join(this.#directory, "begun")));
  }

  async open(): Promise<void> {
    await writeFile(join(this.#directory, "go"), "");
  }
}
