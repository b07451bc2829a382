import { nft } from "../../../ground/linux/index.ts";
import { forwardRules } from "./forward-rules.ts";
import { type IpNetwork, ipBytes, networkAddress } from "./ip-address.ts";
import { OwnTable, type TableElement } from "./own-table.ts";
import { forgetPortConnections, type PortRedirect, portElement } from "./port-redirect.ts";
import {
  addressPortMap,
  admittedSet,
  type Family,
  masqueradeMap,
  portMap,
  publishedSet,
  type Rule,
  setsOf,
  subnetChain,
} from "./rule-table.ts";

/** The owner of elements. */
export type RuleOwner = { readonly network: string; readonly containerId: string; readonly ifName: string };

export type Admittance = {
  /** Whether other machines may reach the pod's host ports. */
  readonly published: boolean;
  /** Rules that isolate its bridge. */
  readonly isolation: readonly Rule[];
};

const families: readonly Family[] = [4, 6];

/**
 * Pods' masquerading and host ports in berth's nf_tables table: a fixed number of rules, and map elements for
 * each pod.
 */
export class PacketRules implements Disposable {
  readonly #table: OwnTable;
  readonly #onlyMissing: boolean;

  constructor(table: string | OwnTable, onlyMissing = false) {
    this.#table = typeof table === "string" ? new OwnTable(table) : table;
    this.#onlyMissing = onlyMissing;
  }

  /** The same rules, but what exists stays: also a host port that another pod has got meanwhile. */
  get restorer(): PacketRules {
    return new PacketRules(this.#table, true);
  }

  /** True once after the table was recreated: elements of existing pods may be missing. */
  takeRebuilt(): boolean {
    return this.#table.takeRebuilt();
  }

  /** Throws LinuxError if the kernel has no nf_tables, or this process may not use it. */
  probe(): void {
    this.#table.probe();
  }

  /** See {@link OwnTable.verify}. */
  verify(isReplaced: boolean): void {
    this.#table.verify(isReplaced);
  }

  /** A pod's packets that leave its subnet get this machine's address. */
  masquerade(owner: RuleOwner, addresses: readonly IpNetwork[]): void {
    const elements = addresses.map((pod): TableElement => {
      const { family } = pod.address;
      const chain = subnetChain(subnetOf(pod));
      const key = ipBytes(pod.address);
      return { set: masqueradeMap(family), key, value: { kind: "goto", chain }, note: noteOf(owner) };
    });
    this.#put(elements, addresses.map(subnetOf));
  }

  /** The last pod that requested a port gets it. */
  redirect(owner: RuleOwner, ports: readonly PortRedirect[]): void {
    const elements = ports.map((port) => ({ ...portElement(port), note: noteOf(owner) }));
    const subnets = ports.map(({ pod }) => subnetOf(pod));
    if (this.#put(elements, subnets)) forgetPortConnections(ports);
  }

  /** Removes the owner's masquerading: of these addresses, or if none are known, all of it. */
  forget(owner: RuleOwner, addresses: readonly IpNetwork[]): void {
    const known = addresses.map((pod) => ({
      set: masqueradeMap(pod.address.family),
      key: ipBytes(pod.address),
    }));
    this.#table.remove(noteOf(owner), known, families.map(masqueradeMap));
  }

  /** The same for ports. */
  forgetPorts(owner: RuleOwner, ports: readonly PortRedirect[]): void {
    this.#table.remove(
      noteOf(owner),
      ports.map(portElement),
      families.flatMap((family) => [portMap(family), addressPortMap(family)]),
    );
    forgetPortConnections(ports);
  }

  /** Removes all elements of a network except those of these owners. */
  keepOnly(network: string, valid: readonly Omit<RuleOwner, "network">[]): void {
    const notes = new Set(valid.map((owner) => noteOf({ ...owner, network })));
    const isLost = (note: string) => isNoteOf(network, note) && !notes.has(note);
    this.#table.removeWhere(
      families.flatMap(setsOf).map(({ name }) => name),
      isLost,
    );
  }

  /** Admits a pod's packets for forwarding, even if iptables' filter drops others. */
  admit(owner: RuleOwner, addresses: readonly IpNetwork[], { published, isolation }: Admittance): void {
    const elements = addresses.flatMap((pod) =>
      setsOfAdmittance(pod, published).map((set) => ({
        set,
        key: ipBytes(pod.address),
        note: noteOf(owner),
      })),
    );
    this.#put(elements, [], [...forwardRules, ...isolation]);
  }

  /** Reverts {@link admit}. */
  dismiss(owner: RuleOwner, addresses: readonly IpNetwork[]): void {
    const known = addresses.flatMap((pod) =>
      setsOfAdmittance(pod, true).map((set) => ({ set, key: ipBytes(pod.address) })),
    );
    this.#table.remove(
      noteOf(owner),
      known,
      families.flatMap((family) => [admittedSet(family), publishedSet(family)]),
    );
  }

  [Symbol.dispose](): void {
    this.#table[Symbol.dispose]();
  }

  /** False if all elements existed. */
  #put(
    elements: readonly TableElement[],
    subnets: readonly IpNetwork[],
    rules: readonly Rule[] = [],
  ): boolean {
    const wanted = this.#onlyMissing ? elements.filter((each) => !this.#table.has(each)) : elements;
    this.#table.put(wanted, subnets, rules);
    return wanted.length > 0;
  }
}

/** The network comes last: if a long name is truncated, the sandbox can still be identified. */
function noteOf({ network, containerId, ifName }: RuleOwner): string {
  return `${containerId} ${ifName} ${network}`.slice(0, nft.maxNoteBytes);
}

/** Whether an owner on that network has this note. */
function isNoteOf(network: string, note: string): boolean {
  const [containerId = "", ifName = ""] = note.split(" ");
  return note === noteOf({ network, containerId, ifName });
}

function subnetOf(pod: IpNetwork): IpNetwork {
  return { address: networkAddress(pod), prefixLength: pod.prefixLength };
}

function setsOfAdmittance({ address }: IpNetwork, published: boolean): readonly string[] {
  return [admittedSet(address.family), ...(published ? [publishedSet(address.family)] : [])];
}
