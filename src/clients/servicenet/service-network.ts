import { rm, writeFile } from "node:fs/promises";
import { ignoreMissing, isErrno } from "../../ground/fs/index.ts";
import { forgetConnections, NetlinkSocket, nft } from "../../ground/linux/index.ts";
import { KeyLock } from "../../ground/sync/index.ts";
import { formatIp, formatNetwork, type IpNetwork, isWithin, parseIp } from "../../services/network/index.ts";
import { Resolver } from "./dns/resolver.ts";
import { podLinks } from "./pod-links.ts";
import type { Service } from "./service.ts";
import { ruleChanges } from "./service-rules.ts";
import { addressAt, makeLink, resolverAddress, subnetOf } from "./subnet.ts";
import { removeTraces } from "./traces.ts";

export type ServiceNetworkOptions = {
  /** Of its link and its table; at most 15 bytes, and no other network's. */
  readonly name: string;
  /**
   * A file that keeps the subnet, for a network whose services outlive this process: it is there before
   * anything is in the kernel, and goes after all of that.
   */
  readonly subnetPath?: string;
  /** Something is wrong that nobody asked for. */
  readonly onProblem: (message: string) => void;
};

/** The addresses and names of services; what it made in the kernel stays when it is disposed of. */
export class ServiceNetwork implements AsyncDisposable {
  readonly #name: string;
  readonly #subnetPath: string | undefined;
  readonly #subnet: IpNetwork;
  readonly #route: NetlinkSocket;
  readonly #rules: NetlinkSocket;
  readonly #resolver: Resolver;
  readonly #lock = new KeyLock();
  #services: readonly Service[] = [];
  #written = "";
  #generation = 0;

  private constructor(
    { name, subnetPath }: ServiceNetworkOptions,
    subnet: IpNetwork,
    sockets: { readonly route: NetlinkSocket; readonly rules: NetlinkSocket },
    resolver: Resolver,
  ) {
    this.#name = name;
    this.#subnetPath = subnetPath;
    this.#subnet = subnet;
    this.#route = sockets.route;
    this.#rules = sockets.rules;
    this.#resolver = resolver;
  }

  /** Throws LinuxError where the kernel has no nf_tables or this process no right to it, and Error. */
  static async open(options: ServiceNetworkOptions): Promise<ServiceNetwork> {
    const { name, subnetPath, onProblem } = options;
    await using opened = new AsyncDisposableStack();
    const route = opened.use(NetlinkSocket.open("route"));
    const rules = opened.use(NetlinkSocket.open("netfilter"));
    nft.generationOf(rules);
    const subnet = await subnetOf(route, name, subnetPath);
    makeLink(route, name, subnet);
    const resolver = opened.use(await Resolver.open(formatIp(resolverAddress(subnet)), onProblem));
    const network = new ServiceNetwork(options, subnet, { route, rules }, resolver);
    opened.move();
    return network;
  }

  /** Where pods ask for names. */
  get resolverAddress(): string {
    return formatIp(resolverAddress(this.#subnet));
  }

  /** Of the addresses of services: `10.0.0.0/16`. */
  get subnet(): string {
    return formatNetwork(this.#subnet);
  }

  /** Whether a service may have this address. */
  hasAddress(address: string): boolean {
    const ip = parseIp(address);
    return ip !== undefined && isWithin(ip, this.#subnet) && address !== this.resolverAddress;
  }

  /** The address of that number, of those that services may have; they repeat after some thousand. */
  addressAt(index: number): string {
    return addressAt(this.#subnet, index);
  }

  /** From now on these services are there, and no others. Throws LinuxError. */
  async update(services: readonly Service[]): Promise<void> {
    using _ = await this.#lock.acquire("rules");
    const before = this.#services;
    this.#services = services;
    this.#resolver.setServices(services);
    await this.#write();
    this.#forgetMoved(before, services);
  }

  /** Makes again what somebody else has removed. Throws LinuxError. */
  async verify(): Promise<void> {
    using _ = await this.#lock.acquire("rules");
    if (nft.generationOf(this.#rules) === this.#generation) return;
    if (nft.listRules(this.#rules, this.#name).length === 0) this.#written = "";
    this.#generation = nft.generationOf(this.#rules);
    makeLink(this.#route, this.#name, this.#subnet);
    await this.#write();
  }

  /** Ends it and removes all that it made in the kernel. Throws LinuxError. */
  async remove(): Promise<void> {
    {
      using _ = await this.#lock.acquire("rules");
      await removeTraces(this.#route, this.#name);
      if (this.#subnetPath !== undefined) await rm(this.#subnetPath, { force: true });
    }
    await this[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    using _ = await this.#lock.acquire("rules");
    await this.#resolver[Symbol.asyncDispose]();
    this.#rules[Symbol.dispose]();
    this.#route[Symbol.dispose]();
  }

  async #write(): Promise<void> {
    const served = this.#services.flatMap(({ ports }) => ports);
    const links = podLinks(served.flatMap(({ endpoints }) => endpoints.map(({ ip }) => ip)));
    const input = {
      table: this.#name,
      subnet: this.#subnet,
      services: this.#services,
      podSubnets: links.map(({ subnet }) => subnet),
    };
    const changes = ruleChanges(input);
    const text = Buffer.concat(changes.map(({ payload }) => payload)).toString("base64");
    if (text === this.#written) return;
    await nft.commitAsync(this.#rules, changes);
    this.#written = text;
    this.#generation = nft.generationOf(this.#rules);
    // A connection of 127.0.0.1 to a node port leaves the machine only where this says so.
    if (served.some(({ nodePort }) => nodePort !== undefined))
      for (const { name } of links)
        await writeFile(`/proc/sys/net/ipv4/conf/${name}/route_localnet`, "1").catch(ignoreMissing);
  }

  /** UDP knows no beginning: who goes on sending would go on to a pod that has gone. */
  #forgetMoved(before: readonly Service[], after: readonly Service[]): void {
    const there = new Set(after.flatMap(udpPorts).map(({ text }) => text));
    for (const { text, port } of before.flatMap(udpPorts)) {
      if (there.has(text)) continue;
      try {
        forgetConnections(this.#rules, { family: 2, protocol: 17, port });
      } catch (error) {
        // A kernel that cannot be told forgets by itself, once nobody has sent for some minutes.
        if (!isErrno(error, "EINVAL", "EOPNOTSUPP")) throw error;
      }
    }
  }
}

function udpPorts(service: Service): readonly { readonly text: string; readonly port: number }[] {
  return service.ports
    .filter(({ protocol }) => protocol === "UDP")
    .flatMap((served) =>
      [served.port, ...(served.nodePort === undefined ? [] : [served.nodePort])].map((port) => ({
        port,
        text: JSON.stringify([service.address, port, served.endpoints]),
      })),
    );
}
