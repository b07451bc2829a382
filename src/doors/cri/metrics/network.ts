import type { InterfaceStats } from "../../../engines/engine/index.ts";
import { type Family, type InterfaceGroup, value } from "./family.ts";

function counter(
  name: string,
  help: string,
  figure: (counters: InterfaceStats) => bigint,
): Family<InterfaceStats> {
  return {
    name: `container_network_${name}_total`,
    type: "counter",
    help,
    labels: ["interface"],
    values: (counters) => value([counters.name], figure(counters)),
  };
}

export const networkGroup: InterfaceGroup = {
  group: "network",
  parts: [],
  families: [
    counter("receive_bytes", "Bytes received.", (c) => c.rxBytes),
    counter("receive_packets", "Packets received.", (c) => c.rxPackets),
    counter("receive_packets_dropped", "Packets dropped while receiving.", (c) => c.rxDropped),
    counter("receive_errors", "Errors while receiving.", (c) => c.rxErrors),
    counter("transmit_bytes", "Bytes sent.", (c) => c.txBytes),
    counter("transmit_packets", "Packets sent.", (c) => c.txPackets),
    counter("transmit_packets_dropped", "Packets dropped while sending.", (c) => c.txDropped),
    counter("transmit_errors", "Errors while sending.", (c) => c.txErrors),
  ],
};
