import { isErrno } from "../../../ground/fs/index.ts";
import { NetlinkSocket, nft } from "../../../ground/linux/index.ts";
import { admittance, forwardRules } from "./forward-rules.ts";
import { formatNetwork, type IpNetwork } from "./ip-address.ts";
import { chains, type Family, type Rule, rules, setsOf, subnetChain, subnetRules } from "./rule-table.ts";

/** An element of one of the table's sets or maps; the note identifies its owner. */
export type TableElement = nft.SetElement & { readonly set: string; readonly note: string };

const families: readonly Family[] = [4, 6];

/** Others may change their rules at any time. */
const commitTries = 20;
/** A socket accepts about two hundred kilobytes at once, */
const mostAtOnce = 500;
/** and an attribute 64 kilobytes. */
const mostInMessage = 200;

type ElementKey = { readonly set: string; readonly key: Buffer };
/** Elements to remove, and the rules' generation at which they were found. */
type Found = { readonly generation: number; readonly left: readonly ElementKey[] };

/**
 * This daemon's own nf_tables table: fixed rules, and elements of sets. Rules that somebody removed are
 * restored before the next change; that is noticed without listing them, since every change by anybody
 * increments the ruleset's generation.
 */
export class OwnTable implements Disposable {
  readonly #socket = NetlinkSocket.open("netfilter");
  readonly #table: string;
  /** The ruleset's generation at the last check. */
  #generation: number | undefined;
  /** The rules that existed then. */
  #rules = new Set<string>();
  /** By subnet name. */
  readonly #subnetRules = new Map<string, readonly Rule[]>();
  #rebuilt = false;

  constructor(table: string) {
    this.#table = table;
  }

  /** True once after the table was recreated: elements of existing pods may be missing. */
  takeRebuilt(): boolean {
    const rebuilt = this.#rebuilt;
    this.#rebuilt = false;
    return rebuilt;
  }

  /** Throws LinuxError if the kernel has no nf_tables, or this process may not use it. */
  probe(): void {
    nft.generationOf(this.#socket);
  }

  /** Restores rules that somebody removed. If somebody replaced the table, it is created anew, empty. */
  verify(isReplaced: boolean): void {
    this.#retry(() => {
      this.#verify(isReplaced);
    });
  }

  /** Whether a set has an element with that key, whoever it belongs to. */
  has({ set, key }: ElementKey): boolean {
    return nft.elementNote(this.#socket, this.#table, set, key) !== undefined;
  }

  /** Adds or updates elements, and adds the rules that they need. */
  put(elements: readonly TableElement[], subnets: readonly IpNetwork[], rules: readonly Rule[] = []): void {
    for (let at = 0; at === 0 || at < elements.length; at += mostAtOnce)
      this.#putSome(elements.slice(at, at + mostAtOnce), subnets, rules);
  }

  /** Usually none exists yet: so try first, without listing them. */
  #putSome(elements: readonly TableElement[], subnets: readonly IpNetwork[], rules: readonly Rule[]): void {
    try {
      this.#add(elements, [], subnets, rules);
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
      this.#add(elements, elements, subnets, rules);
    }
  }

  /** Existing elements among `replaced`, which may have other values, are removed first. */
  #add(
    elements: readonly TableElement[],
    replaced: readonly TableElement[],
    subnets: readonly IpNetwork[],
    rules: readonly Rule[],
  ): void {
    this.#retry(() => {
      const generation = this.#verify();
      const missing = [...uniqueSubnets(subnets)].flatMap((subnet) => this.#missingRules(subnet));
      const further = rules.filter((rule) => !this.#rules.has(nameOf(rule)));
      const changes = [
        ...missing,
        ...further.map((rule) => added(this.#table, rule)),
        // Later, it is restored by the next check for changes.
        ...(further.some((rule) => forwardRules.includes(rule)) ? admittance(this.#socket) : []),
        ...bySet(
          replaced.filter((each) => this.has(each)),
          (set, some) => nft.deleteElements(this.#table, set, some),
        ),
        ...bySet(elements, (set, some) => nft.addElements(this.#table, set, some)),
      ];
      if (changes.length === 0) return;
      nft.commit(this.#socket, changes, generation);
      for (const rule of [...subnets.flatMap((subnet) => this.#rulesOf(subnet)), ...rules])
        this.#rules.add(nameOf(rule));
      this.#generation = generation + 1;
    });
  }

  /** Removes elements with this note: the known ones, or if none are known, all in these sets. */
  remove(note: string, known: readonly ElementKey[], sets: readonly string[]): void {
    if (known.length === 0) {
      this.removeWhere(sets, (other) => other === note);
      return;
    }
    this.#removeAll((generation) => ({
      generation,
      left: known.filter(({ set, key }) => nft.elementNote(this.#socket, this.#table, set, key) === note),
    }));
  }

  /** Removes the elements of these sets whose note is wanted. */
  removeWhere(sets: readonly string[], isWanted: (note: string) => boolean): void {
    this.#removeAll((generation) => ({
      generation,
      left: sets.flatMap((set) =>
        nft
          .listElements(this.#socket, this.#table, set)
          .filter(({ note }) => isWanted(note))
          .map(({ key }) => ({ set, key })),
      ),
    }));
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  /**
   * Looks again if somebody changed rules in the meantime: an element may belong to another owner by then.
   */
  #removeAll(find: (generation: number) => Found): void {
    let found: Found | undefined;
    do {
      const before: Found | undefined = found;
      found = this.#retry((isAgain) => {
        const { generation, left } =
          before === undefined || isAgain ? find(nft.generationOf(this.#socket)) : before;
        if (left.length > 0) this.#delete(left.slice(0, mostAtOnce), generation);
        return { generation: generation + 1, left: left.slice(mostAtOnce) };
      });
    } while (found.left.length > 0);
  }

  #delete(elements: readonly ElementKey[], generation: number): void {
    const changes = bySet(elements, (set, some) => nft.deleteElements(this.#table, set, some));
    nft.commit(this.#socket, changes, generation);
    if (this.#generation === generation) this.#generation = generation + 1;
  }

  /** The same for every pod. */
  #rulesOf(subnet: IpNetwork): readonly Rule[] {
    const text = formatNetwork(subnet);
    const known = this.#subnetRules.get(text) ?? subnetRules(subnet);
    this.#subnetRules.set(text, known);
    return known;
  }

  /** The subnet's own chain is created as a whole, since the order of its rules matters. */
  #missingRules(subnet: IpNetwork): readonly nft.NftChange[] {
    const chain = subnetChain(subnet);
    const wanted = this.#rulesOf(subnet);
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

  /** Restores missing fixed rules, or the whole table; returns the generation at which all existed. */
  #verify(isReplaced = false): number {
    const generation = nft.generationOf(this.#socket);
    if (generation === this.#generation && !isReplaced) return generation;
    this.#rules = new Set(nft.listRules(this.#socket, this.#table).map(nameOf));
    this.#generation = generation;
    if (!isReplaced && rules.every((rule) => this.#rules.has(nameOf(rule))))
      return this.#admitted(generation);
    this.#rebuilt = true;
    const removal = isReplaced ? [nft.addTable(this.#table), nft.deleteTable(this.#table)] : [];
    nft.commit(this.#socket, [...removal, ...wholeTable(this.#table)], generation);
    // The subnets' rules in shared chains must be restored, too.
    this.#generation = undefined;
    return this.#verify();
  }

  /**
   * Another program's filter may be new, or have lost the rules that admit pods. Returns the generation
   * afterwards.
   */
  #admitted(generation: number): number {
    if (!forwardRules.some((rule) => this.#rules.has(nameOf(rule)))) return generation;
    const missing = admittance(this.#socket);
    if (missing.length === 0) return generation;
    nft.commit(this.#socket, missing, generation);
    this.#generation = generation + 1;
    return this.#generation;
  }

  /** Retries if somebody changed rules in the meantime. */
  #retry<Result>(work: (isAgain: boolean) => Result): Result {
    for (let left = commitTries; ; left--) {
      try {
        return work(left < commitTries);
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

function uniqueSubnets(subnets: readonly IpNetwork[]): Iterable<IpNetwork> {
  return new Map(subnets.map((subnet) => [formatNetwork(subnet), subnet])).values();
}

/**
 * In few messages, since the kernel replies to each, and a socket has room for about three hundred replies.
 */
function bySet<Element extends ElementKey>(
  elements: readonly Element[],
  change: (set: string, some: readonly Element[]) => nft.NftChange,
): readonly nft.NftChange[] {
  return [...Map.groupBy(elements, ({ set }) => set)].flatMap(([set, all]) => {
    const pieces = Array.from({ length: Math.ceil(all.length / mostInMessage) }, (_, index) =>
      all.slice(index * mostInMessage, (index + 1) * mostInMessage),
    );
    return pieces.map((some) => change(set, some));
  });
}
