import { rm, writeFile } from "node:fs/promises";
import { isIPv4 } from "node:net";
import { ignoreMissing, isErrno } from "../../ground/fs/index.ts";
import { forgetConnections, NetlinkSocket, nft } from "../../ground/linux/index.ts";
import { KeyLock } from "../../ground/sync/index.ts";
import {
  formatIp,
  formatNetwork,
  type IpAddress,
  type IpNetwork,
  isWithin,
  parseIp,
} from "../../services/network/index.ts";
import { Resolver } from "./dns/resolver.ts";
import { ipFamilies } from "./packet-parts.ts";
import { podLinks } from "./pod-links.ts";
import type { Service } from "./service.ts";
import { ruleChanges } from "./service-rules.ts";
import { addressAt, makeLink, resolverAddress, subnetsOf } from "./subnet.ts";
import { removeTraces } from "./traces.ts";

export type ServiceNetworkOptions = {
  /** The name of its link and table; at most 15 bytes, and unique. */
  readonly name: string;
  /**
   * The file that stores the subnet, for a network whose services outlive this process. It is written before
   * anything is created in the kernel, and removed after all of that.
   */
  readonly subnetPath?: string;
  /** Called for problems outside of calls. */
  readonly onProblem: (message: string) => void;
};

/** The addresses and names of services; its rules in the kernel stay when it is disposed of. */
export class ServiceNetwork implements AsyncDisposable {
  readonly #name: string;
  readonly #subnetPath: string | undefined;
  readonly #subnets: readonly IpNetwork[];
  readonly #route: NetlinkSocket;
  readonly #rules: NetlinkSocket;
  readonly #resolvers: readonly Resolver[];
  readonly #lock = new KeyLock();
  #services: readonly Service[] = [];
  #written = "";
  #generation = 0;

  private constructor(
    { name, subnetPath }: ServiceNetworkOptions,
    subnets: readonly IpNetwork[],
    sockets: { readonly route: NetlinkSocket; readonly rules: NetlinkSocket },
    resolvers: readonly Resolver[],
  ) {
    this.#name = name;
    this.#subnetPath = subnetPath;
    this.#subnets = subnets;
    this.#route = sockets.route;
    this.#rules = sockets.rules;
    this.#resolvers = resolvers;
  }

  /** Throws LinuxError if the kernel lacks nf_tables or this process may not use it, and Error. */
  static async open(options: ServiceNetworkOptions): Promise<ServiceNetwork> {
    const { name, subnetPath, onProblem } = options;
    await using opened = new AsyncDisposableStack();
    const route = opened.use(NetlinkSocket.open("route"));
    const rules = opened.use(NetlinkSocket.open("netfilter"));
    nft.generationOf(rules);
    const subnets = await subnetsOf(route, name, subnetPath);
    makeLink(route, name, subnets);
    const resolvers: Resolver[] = [];
    for (const subnet of subnets)
      resolvers.push(opened.use(await Resolver.open(resolverAddress(subnet), onProblem)));
    const network = new ServiceNetwork(options, subnets, { route, rules }, resolvers);
    opened.move();
    return network;
  }

  /** The name servers for pods: IPv4 and, if the machine has it, IPv6. */
  get resolverAddresses(): readonly string[] {
    return this.#subnets.map((subnet) => formatIp(resolverAddress(subnet)));
  }

  /** The subnets of services' addresses, IPv4 first: `10.0.0.0/16`. */
  get subnets(): readonly string[] {
    return this.#subnets.map(formatNetwork);
  }

  /** The families of addresses that services can have. */
  get families(): readonly IpAddress["family"][] {
    return this.#subnets.map(({ address }) => address.family);
  }

  /** Whether a service can have this address. */
  hasAddress(address: string): boolean {
    const ip = parseIp(address);
    const isWithinOne = ip !== undefined && this.#subnets.some((subnet) => isWithin(ip, subnet));
    return isWithinOne && !this.resolverAddresses.includes(address);
  }

  /**
   * The address with that number among those that services can have; they repeat after some thousand. The
   * family is one of {@link families}.
   */
  addressAt(family: IpAddress["family"], index: number): string {
    const subnet = this.#subnets.find(({ address }) => address.family === family);
    if (subnet === undefined) throw new Error(`services have no addresses of IPv${family}`);
    return addressAt(subnet, index);
  }

  /** Replaces all services. Throws LinuxError. */
  async update(services: readonly Service[]): Promise<void> {
    using _ = await this.#lock.acquire("rules");
    const before = this.#services;
    this.#services = services;
    for (const resolver of this.#resolvers) resolver.setServices(services);
    await this.#write();
    this.#forgetMoved(before, services);
  }

  /** Restores rules that somebody else removed. Throws LinuxError. */
  async verify(): Promise<void> {
    using _ = await this.#lock.acquire("rules");
    if (nft.generationOf(this.#rules) === this.#generation) return;
    if (nft.listRules(this.#rules, this.#name).length === 0) this.#written = "";
    this.#generation = nft.generationOf(this.#rules);
    makeLink(this.#route, this.#name, this.#subnets);
    await this.#write();
  }

  /** Ends it and removes everything that it created in the kernel. Throws LinuxError. */
  async remove(): Promise<void> {
    try {
      using _ = await this.#lock.acquire("rules");
      await removeTraces(this.#route, this.#name);
      if (this.#subnetPath !== undefined) await rm(this.#subnetPath, { force: true });
    } finally {
      // In any case: whoever opens it again to remove the rest listens at the same address.
      await this[Symbol.asyncDispose]();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    using _ = await this.#lock.acquire("rules");
    for (const resolver of this.#resolvers) await resolver[Symbol.asyncDispose]();
    this.#rules[Symbol.dispose]();
    this.#route[Symbol.dispose]();
  }

  async #write(): Promise<void> {
    const served = this.#services.flatMap(({ ports }) => ports);
    const links = podLinks(served.flatMap(({ endpoints }) => endpoints.map(({ ip }) => ip)));
    const input = {
      table: this.#name,
      subnets: this.#subnets,
      services: this.#services,
      podSubnets: links.map(({ subnet }) => subnet),
    };
    const changes = ruleChanges(input);
    const text = Buffer.concat(changes.map(({ payload }) => payload)).toString("base64");
    if (text === this.#written) return;
    await nft.commitAsync(this.#rules, changes);
    this.#written = text;
    this.#generation = nft.generationOf(this.#rules);
    // A connection from 127.0.0.1 to a node port can leave the machine only with this setting.
    if (served.some(({ nodePort }) => nodePort !== undefined))
      for (const { name } of links.filter(({ subnet }) => subnet.address.family === 4))
        await writeFile(`/proc/sys/net/ipv4/conf/${name}/route_localnet`, "1").catch(ignoreMissing);
  }

  /**
   * Deletes conntrack entries of moved UDP ports: since UDP has no connections, a client that keeps sending
   * would keep reaching a pod that is gone.
   */
  #forgetMoved(before: readonly Service[], after: readonly Service[]): void {
    const there = new Set(after.flatMap(udpPorts).map(({ text }) => text));
    for (const { text, family, port } of before.flatMap(udpPorts)) {
      if (there.has(text)) continue;
      try {
        forgetConnections(this.#rules, { family: ipFamilies[family].number, protocol: 17, port });
      } catch (error) {
        // If the kernel does not support it, entries expire some minutes after the last packet.
        if (!isErrno(error, "EINVAL", "EOPNOTSUPP")) throw error;
      }
    }
  }
}

/** A UDP port of a service, and a text of its endpoints. */
type UdpPort = { readonly text: string; readonly family: IpAddress["family"]; readonly port: number };

function udpPorts({ addresses, ports }: Service): readonly UdpPort[] {
  return ports
    .filter(({ protocol }) => protocol === "UDP")
    .flatMap((served) =>
      addresses.flatMap((address) =>
        [served.port, ...(served.nodePort === undefined ? [] : [served.nodePort])].map((port) => ({
          port,
          family: isIPv4(address) ? 4 : 6,
          text: JSON.stringify([address, port, served.endpoints]),
        })),
      ),
    );
}
