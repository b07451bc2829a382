import { readdirSync } from "node:fs";
import { PluginFailure } from "./plugin-failure.ts";
import { readSetting, writeSetting } from "./settings.ts";

/** Values of `accept_ra`: accept router advertisements only while forwarding is off, or always. */
const unlessForwarding = "1";
const always = "2";

/** Lets the kernel forward packets between interfaces. */
export function enableForwarding(family: 4 | 6): void {
  const path = family === 4 ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding";
  if (family === 6 && readSetting(path) === "0") keepRouters();
  if (!writeSetting(path, "1")) throw new PluginFailure(`failed to enable forwarding: no ${path}`);
}

/**
 * A machine that gets its routes from router advertisements would lose them: with forwarding, it is a router
 * itself.
 */
function keepRouters(): void {
  for (const name of readdirSync("/proc/sys/net/ipv6/conf")) {
    const path = `net/ipv6/conf/${name}/accept_ra`;
    if (name !== "all" && readSetting(path) === unlessForwarding) writeSetting(path, always);
  }
}
