import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../../../ground/clock/index.ts";
import { messageOf } from "../../../ground/errors/index.ts";
import type { ServiceAddress } from "../../podspec/index.ts";
import type { Service, ServiceNetwork } from "../../servicenet/index.ts";
import type { World } from "../controllers/world.ts";
import type { ObjectStore } from "../object-store.ts";
import { type AddressProblem, addressProblems } from "./address-problems.ts";
import { servedService } from "./served-services.ts";
import { addressesFor, type StoredService, statusOf } from "./service-addresses.ts";

export type ServiceNetworkSource = {
  readonly open: () => Promise<ServiceNetwork>;
  /** Whether an earlier manager left one behind; by default never. */
  readonly isLeft?: () => Promise<boolean>;
};

export type NodeServicesOptions = {
  readonly store: ObjectStore;
  readonly clock: Clock;
  /** Undefined if pods have no services and use only the machine's name servers. */
  readonly network: ServiceNetworkSource | undefined;
  readonly onProblem: (message: string) => void;
  /** Called when a service cannot have the addresses that it requests. */
  readonly onOtherAddress: (service: StoredService, problem: AddressProblem) => void;
};

/** How often to check that nobody has removed the rules. */
const verifyMs = 30_000;
/** Delay before retrying to create the network. */
const retryNs = 60_000_000_000n;

/** Addresses and names of Service objects, on a network that is created when it is first needed. */
export class NodeServices implements AsyncDisposable {
  readonly #options: NodeServicesOptions;
  #opened: Promise<ServiceNetwork | undefined> | undefined;
  #failedAtNs: bigint | undefined;
  /** The services that were last sent to the network, and when they were last verified in the kernel. */
  #published: { readonly services: readonly Service[]; readonly verifiedNs: bigint } | undefined;
  /** Problems with addresses that were already reported, by service uid. */
  #refused: ReadonlyMap<string, readonly string[]> = new Map();

  constructor(options: NodeServicesOptions) {
    this.#options = options;
  }

  /** The name servers for pods; none if there is no network of services. */
  async resolvers(): Promise<readonly string[]> {
    return (await this.#network())?.resolverAddresses ?? [];
  }

  /** The services that pods of a namespace get as environment variables. */
  addresses(namespace: string): readonly ServiceAddress[] {
    return this.#options.store.listOf("Service").flatMap((service): readonly ServiceAddress[] => {
      const { metadata, spec } = service.manifest;
      const [clusterIP] = statusOf(service).clusterIPs ?? [];
      if (clusterIP === undefined || metadata.namespace !== namespace) return [];
      return [{ name: metadata.name, address: clusterIP, ports: spec.ports ?? [] }];
    });
  }

  /** Assigns addresses to services that have none, before pods get them. */
  async assign(world: World): Promise<void> {
    const services = this.#options.store.listOf("Service");
    if (services.length === 0) return;
    const network = await this.#network();
    if (network === undefined) return;
    const refused = new Map<string, readonly string[]>();
    for (const { uid } of services) {
      // Read again, because the previous service may have taken an address.
      const now = this.#options.store.listOf("Service");
      const service = now.find((one) => one.uid === uid);
      if (service === undefined || service.deleting !== undefined) continue;
      const others = now.filter((one) => one.uid !== uid);
      const given = addressesFor(service, others, network);
      await world.setStatus(service, given);
      const problems = addressProblems(service, given, network);
      const said = this.#refused.get(uid) ?? [];
      for (const problem of problems)
        if (!said.includes(problem.message)) this.#options.onOtherAddress(service, problem);
      refused.set(
        uid,
        problems.map(({ message }) => message),
      );
    }
    this.#refused = refused;
  }

  /** Points addresses and names to the pods that are ready now. */
  async publish({ podStatus, lookAgainAfter }: World): Promise<void> {
    const { store } = this.#options;
    if (!this.#isNeeded()) return await this.#remove();
    const network = await this.#opened;
    if (network === undefined) return;
    const services = store.listOf("Service").filter(({ deleting }) => deleting === undefined);
    const pods = store.listOf("Pod");
    const served = services.map((service) => servedService(service, pods, podStatus));
    await this.#tell(network, served);
    lookAgainAfter(verifyMs);
  }

  /** Does nothing if nothing has changed, since every change of every pod leads here. */
  async #tell(network: ServiceNetwork, services: readonly Service[]): Promise<void> {
    const nowNs = this.#options.clock.nowNs();
    const before = this.#published;
    const isSame = before !== undefined && isDeepStrictEqual(before.services, services);
    if (isSame && nowNs - before.verifiedNs < BigInt(verifyMs) * 1_000_000n) return;
    this.#published = undefined;
    await network.verify();
    if (!isSame) await network.update(services);
    this.#published = { services, verifiedNs: nowNs };
  }

  /** Addresses keep working; names are not resolved until the next manager starts. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isNeeded()) return await this.#remove();
    await (await this.#opened)?.[Symbol.asyncDispose]();
  }

  /** Also removes a network that an earlier manager left and this one did not need. */
  async #remove(): Promise<void> {
    const { network } = this.#options;
    if (this.#opened === undefined && (await network?.isLeft?.()) === true) await this.#network();
    const opened = await this.#opened;
    this.#opened = undefined;
    this.#published = undefined;
    await opened?.remove();
  }

  #isNeeded(): boolean {
    const { store } = this.#options;
    return store.listOf("Service").length > 0 || store.listOf("Pod").length > 0;
  }

  #network(): Promise<ServiceNetwork | undefined> {
    const { network, clock, onProblem } = this.#options;
    if (network === undefined) return Promise.resolve(undefined);
    const failedAt = this.#failedAtNs;
    if (failedAt !== undefined && clock.nowNs() - failedAt < retryNs) return Promise.resolve(undefined);
    this.#opened ??= network.open().catch((error: unknown) => {
      this.#opened = undefined;
      this.#failedAtNs = clock.nowNs();
      onProblem(`services have no addresses and names: ${messageOf(error)}`);
      return undefined;
    });
    return this.#opened;
  }
}
