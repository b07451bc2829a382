import { type Check, ok, warn } from "../check.ts";
import { findProgram, versionOf } from "../programs.ts";

/** Is iptables there, which CNI's bridge and portmap plugins call? */
export const iptablesCheck: Check = {
  name: "iptables",
  async run(_, signal) {
    const path = await findProgram("iptables");
    if (path !== undefined) return [ok("iptables", await versionOf(path, signal))];
    const remedy = "install it (`apt-get install iptables`), or use CNI plugins that do not need it";
    return [
      warn(
        "iptables",
        "not installed: published ports and masquerading do not work with the usual CNI plugins",
        remedy,
      ),
    ];
  },
};
