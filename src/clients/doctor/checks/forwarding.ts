import { type Check, type Finding, ok, warn } from "../check.ts";
import { readKernelFile } from "../kernel-files.ts";
import { findProgram, versionOf } from "../programs.ts";
import { runsPrograms } from "./cni.ts";

/** Does the kernel forward packets between pods and other networks? */
export const forwardingCheck: Check = {
  name: "forwarding",
  run: () => Promise.all([ipForward(), bridgeFilter()]),
};

async function ipForward(): Promise<Finding> {
  const title = "net.ipv4.ip_forward";
  if ((await readKernelFile("/proc/sys/net/ipv4/ip_forward")) === "1") return ok(title, "on");
  const remedy = 'write "net.ipv4.ip_forward=1" to /etc/sysctl.d/90-berth.conf and run `sysctl --system`';
  return warn(
    title,
    "off: pods can reach neither other nodes nor the internet (the bridge plugin enables it for its own bridges)",
    remedy,
  );
}

async function bridgeFilter(): Promise<Finding> {
  const title = "br_netfilter";
  const value = await readKernelFile("/proc/sys/net/bridge/bridge-nf-call-iptables");
  if (value === "1") return ok(title, "bridged traffic passes through iptables");
  const detail = value === undefined ? "not loaded" : "net.bridge.bridge-nf-call-iptables is off";
  const remedy =
    "needed only if kube-proxy uses iptables: `modprobe br_netfilter && sysctl -w net.bridge.bridge-nf-call-iptables=1`";
  return warn(
    title,
    `${detail}: pods on the same bridge cannot reach each other through a Service's address`,
    remedy,
  );
}

/** Is iptables installed, which CNI's bridge and portmap plugins use? */
export const iptablesCheck: Check = {
  name: "iptables",
  async run({ config }, signal) {
    const path = await findProgram("iptables");
    if (path !== undefined) return [ok("iptables", await versionOf(path, signal))];
    if (!(await runsPrograms(config))) return [ok("iptables", "not installed, and not needed")];
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
