import { isErrno } from "../../../ground/fs/index.ts";
import { forgetConnections, LinuxError, NetlinkSocket, nft } from "../../../ground/linux/index.ts";
import { admittance, forwardRules } from "./forward-rules.ts";
import { formatNetwork, type IpAddress, type IpNetwork, ipBytes, networkAddress } from "./ip-address.ts";
import {
  addressPortMap,
  admittedSet,
  chains,
  type Family,
  masqueradeMap,
  portMap,
  publishedSet,
  type Rule,
  rules,
  setsOf,
  subnetChain,
  subnetRules,
} from "./rule-table.ts";

/** Whose elements they are. */
export type RuleOwner = { readonly network: string; readonly containerId: string; readonly ifName: string };

/** A port of this machine that leads into a pod. */
export type PortRedirect = {
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly hostPort: number;
  /** Undefined for all addresses of the machine. */
  readonly hostIp: IpAddress | undefined;
  readonly pod: IpNetwork;
  readonly podPort: number;
};

export type Admittance = {
  /** Whether other machines may reach the pod's host ports. */
  readonly published: boolean;
  /** Rules that keep its bridge apart. */
  readonly isolation: readonly Rule[];
};

type Element = nft.SetElement & { readonly set: string };

const protocolNumbers = { tcp: 6, udp: 17, sctp: 132 };
/** AF_INET and AF_INET6. */
const familyNumbers = { 4: 2, 6: 10 };
const families: readonly Family[] = [4, 6];

/** Others may change rules of theirs all the time. */
const commitTries = 20;
const mostAtOnce = 500;

/**
 * The table in which pods are masqueraded and host ports lead to pods: the same few rules whatever pods there
 * are, and for each of these an element of a map. What somebody has removed of it is made again before the
 * next change; nobody is asked about it, as each change of anybody's raises the generation of the rules.
 */
export class PacketRules implements Disposable {
  readonly #socket = NetlinkSocket.open("netfilter");
  readonly #table: string;
  /** Of the rules, when the table was as it must be. */
  #generation: number | undefined;
  /** The rules that were there then. */
  #rules = new Set<string>();
  #rebuilt = false;

  constructor(table: string) {
    this.#table = table;
  }

  /** True once after the table was made anew: elements of pods that are there may be missing. */
  takeRebuilt(): boolean {
    const rebuilt = this.#rebuilt;
    this.#rebuilt = false;
    return rebuilt;
  }

  /** Throws LinuxError where the kernel has no nf_tables, or this process no right to it. */
  probe(): void {
    nft.generationOf(this.#socket);
  }

  /** Makes rules again that somebody has removed; where there was no table, nobody needs one yet. */
  verify(): void {
    this.#retry(() => {
      this.#verify();
    });
  }

  /** Packets of a pod that leave the subnet of its address get this machine's. */
  masquerade(owner: RuleOwner, addresses: readonly IpNetwork[]): void {
    const elements = addresses.map((pod): Element => {
      const { family } = pod.address;
      const chain = subnetChain(subnetOf(pod));
      const key = ipBytes(pod.address);
      return { set: masqueradeMap(family), key, value: { kind: "goto", chain }, note: noteOf(owner) };
    });
    this.#put(elements, addresses.map(subnetOf));
  }

  /** Whoever asked for a port last has it, as with the program. */
  redirect(owner: RuleOwner, ports: readonly PortRedirect[]): void {
    const elements = ports.map((port) => ({ ...portElement(port), note: noteOf(owner) }));
    this.#put(
      elements,
      ports.map(({ pod }) => subnetOf(pod)),
    );
    this.#forgetConnections(ports);
  }

  /** Takes away the owner's masquerading: of these addresses, or all of it where none is known. */
  forget(owner: RuleOwner, addresses: readonly IpNetwork[]): void {
    const known = addresses.map((pod) => ({
      set: masqueradeMap(pod.address.family),
      key: ipBytes(pod.address),
    }));
    this.#remove(owner, known, families.map(masqueradeMap));
  }

  /** The same for ports. */
  forgetPorts(owner: RuleOwner, ports: readonly PortRedirect[]): void {
    this.#remove(
      owner,
      ports.map(portElement),
      families.flatMap((family) => [portMap(family), addressPortMap(family)]),
    );
    this.#forgetConnections(ports);
  }

  /** Takes away all elements of a network but those of these owners. */
  keepOnly(network: string, valid: readonly Omit<RuleOwner, "network">[]): void {
    const notes = new Set(valid.map((owner) => noteOf({ ...owner, network })));
    const isLost = (note: string) => note.endsWith(` ${network}`) && !notes.has(note);
    this.#removeWhere(
      families.flatMap(setsOf).map(({ name }) => name),
      isLost,
    );
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  /** UDP knows no beginning: packets of who goes on sending would never come to the rules. */
  #forgetConnections(ports: readonly PortRedirect[]): void {
    for (const { protocol, hostPort, pod } of ports) {
      if (protocol !== "udp") continue;
      const family = familyNumbers[pod.address.family];
      try {
        forgetConnections(this.#socket, { family, protocol: protocolNumbers.udp, port: hostPort });
      } catch (error) {
        // A kernel that cannot be told forgets by itself, once nobody has sent for some minutes.
        if (!isErrno(error, "EINVAL", "EOPNOTSUPP")) throw error;
      }
    }
  }

  /** Lets a pod's packets be forwarded, whatever the filter of iptables says of others. */
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

  /** Takes that back. */
  dismiss(owner: RuleOwner, addresses: readonly IpNetwork[]): void {
    const known = addresses.flatMap((pod) =>
      setsOfAdmittance(pod, true).map((set) => ({ set, key: ipBytes(pod.address) })),
    );
    this.#remove(
      owner,
      known,
      families.flatMap((family) => [admittedSet(family), publishedSet(family)]),
    );
  }

  #put(elements: readonly Element[], subnets: readonly IpNetwork[], rules: readonly Rule[] = []): void {
    this.#retry(() => {
      const generation = this.#verify();
      const missing = [...uniqueSubnets(subnets)].flatMap((subnet) => this.#missingRules(subnet));
      const further = rules.filter((rule) => !this.#rules.has(nameOf(rule)));
      const changes = [
        ...missing,
        ...further.map((rule) => added(this.#table, rule)),
        // Later it is seen to by whoever looks what others have changed.
        ...(further.some((rule) => forwardRules.includes(rule)) ? admittance(this.#socket) : []),
        ...elements.flatMap((each) => this.#replacing(each)),
      ];
      nft.commit(this.#socket, changes, generation);
      for (const rule of [...subnets.flatMap(subnetRules), ...rules]) this.#rules.add(nameOf(rule));
      this.#generation = generation + 1;
    });
  }

  #remove(
    owner: RuleOwner,
    known: readonly { readonly set: string; readonly key: Buffer }[],
    sets: readonly string[],
  ): void {
    const note = noteOf(owner);
    if (known.length === 0) {
      this.#removeWhere(sets, (other) => other === note);
      return;
    }
    this.#retry(() => {
      const generation = nft.generationOf(this.#socket);
      const own = known.filter(
        ({ set, key }) => nft.elementNote(this.#socket, this.#table, set, key) === note,
      );
      if (own.length > 0) this.#delete(own, generation);
    });
  }

  #removeWhere(sets: readonly string[], isWanted: (note: string) => boolean): void {
    this.#retry(() => {
      const generation = nft.generationOf(this.#socket);
      const found = sets.flatMap((set) =>
        nft
          .listElements(this.#socket, this.#table, set)
          .filter(({ note }) => isWanted(note))
          .map(({ key }) => ({ set, key })),
      );
      // A socket takes some thousand in one message.
      if (found.length > 0) this.#delete(found.slice(0, mostAtOnce), generation);
      if (found.length > mostAtOnce) throw new LinuxError("netlink", "ERESTART", "remaining elements");
    });
  }

  #delete(elements: readonly { readonly set: string; readonly key: Buffer }[], generation: number): void {
    const changes = elements.map((element) => nft.deleteElements(this.#table, element.set, [element]));
    nft.commit(this.#socket, changes, generation);
    if (this.#generation === generation) this.#generation = generation + 1;
  }

  /** An element that is there already, perhaps with another value, makes room. */
  #replacing(element: Element): readonly nft.NftChange[] {
    const isThere = nft.elementNote(this.#socket, this.#table, element.set, element.key) !== undefined;
    return [
      ...(isThere ? [nft.deleteElements(this.#table, element.set, [element])] : []),
      nft.addElements(this.#table, element.set, [element]),
    ];
  }

  /** The subnet's own chain is made as a whole, as the order of its rules matters. */
  #missingRules(subnet: IpNetwork): readonly nft.NftChange[] {
    const chain = subnetChain(subnet);
    const wanted = subnetRules(subnet);
    const missing = wanted.filter((rule) => !this.#rules.has(nameOf(rule)));
    if (missing.length === 0) return [];
    return [
      nft.addChain(this.#table, chain),
      nft.flushChain(this.#table, chain),
      ...wanted
        .filter((rule) => rule.chain === chain || missing.includes(rule))
        .map((rule) => added(this.#table, rule)),
    ];
  }

  /** Makes what is missing of the rules that are always there; the generation in which all were. */
  #verify(): number {
    const generation = nft.generationOf(this.#socket);
    if (generation === this.#generation) return generation;
    this.#rules = new Set(nft.listRules(this.#socket, this.#table).map(nameOf));
    this.#generation = generation;
    if (rules.every((rule) => this.#rules.has(nameOf(rule)))) return this.#admitted(generation);
    this.#rebuilt = true;
    nft.commit(this.#socket, wholeTable(this.#table), generation);
    // What the subnets' rules were in the chains that all share is to be made again too.
    this.#generation = undefined;
    return this.#verify();
  }

  /** Another program's filter may be new, or have lost what lets pods pass; the generation afterwards. */
  #admitted(generation: number): number {
    if (!forwardRules.some((rule) => this.#rules.has(nameOf(rule)))) return generation;
    const missing = admittance(this.#socket);
    if (missing.length === 0) return generation;
    nft.commit(this.#socket, missing, generation);
    this.#generation = generation + 1;
    return this.#generation;
  }

  /** Again where somebody has changed rules meanwhile. */
  #retry(work: () => void): void {
    for (let left = commitTries; ; left--) {
      try {
        work();
        return;
      } catch (error) {
        if (left === 0 || !isErrno(error, "ERESTART")) throw error;
      }
    }
  }
}

function wholeTable(table: string): readonly nft.NftChange[] {
  return [
    nft.addTable(table),
    ...families.flatMap(setsOf).map((set, index) => nft.addSet(table, set, index + 1)),
    ...chains.map(({ name, at }) => nft.addChain(table, name, at)),
    ...chains.map(({ name }) => nft.flushChain(table, name)),
    ...rules.map((rule) => added(table, rule)),
  ];
}

function added(table: string, { chain, expressions, note }: Rule): nft.NftChange {
  return nft.addRule(table, chain, expressions, note);
}

function nameOf({ chain, note }: Pick<Rule, "chain" | "note">): string {
  return `${chain}: ${note}`;
}

/** The network comes last: a long name is cut, and the sandbox is known all the same. */
function noteOf({ network, containerId, ifName }: RuleOwner): string {
  return `${containerId} ${ifName} ${network}`.slice(0, nft.maxNoteBytes);
}

function portElement(port: PortRedirect): Element {
  const { family } = port.pod.address;
  const ports = [Buffer.of(protocolNumbers[port.protocol]), portBytes(port.hostPort)];
  const value = nft.fields(ipBytes(port.pod.address), portBytes(port.podPort));
  const { hostIp } = port;
  return hostIp === undefined
    ? { set: portMap(family), key: nft.fields(...ports), value, note: "" }
    : { set: addressPortMap(family), key: nft.fields(ipBytes(hostIp), ...ports), value, note: "" };
}

function portBytes(port: number): Buffer {
  return Buffer.of(port >> 8, port & 0xff);
}

function subnetOf(pod: IpNetwork): IpNetwork {
  return { address: networkAddress(pod), prefixLength: pod.prefixLength };
}

function setsOfAdmittance({ address }: IpNetwork, published: boolean): readonly string[] {
  return [admittedSet(address.family), ...(published ? [publishedSet(address.family)] : [])];
}

function uniqueSubnets(subnets: readonly IpNetwork[]): Iterable<IpNetwork> {
  return new Map(subnets.map((subnet) => [formatNetwork(subnet), subnet])).values();
}
