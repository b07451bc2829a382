import { isErrno } from "../../../ground/fs/index.ts";
import { LinuxError, NetlinkSocket, nft } from "../../../ground/linux/index.ts";
import { admittance, forwardRules } from "./forward-rules.ts";
import { formatNetwork, type IpNetwork } from "./ip-address.ts";
import { chains, type Family, type Rule, rules, setsOf, subnetChain, subnetRules } from "./rule-table.ts";

/** An element of a set or map of the table; the note says whose it is. */
export type TableElement = nft.SetElement & { readonly set: string; readonly note: string };

const families: readonly Family[] = [4, 6];

/** Others may change rules of theirs all the time. */
const commitTries = 20;
const mostAtOnce = 500;

/**
 * A table of nf_tables that is this daemon's own: its rules, which are always the same, and elements of its
 * sets. What somebody has removed of the rules is made again before the next change; nobody is asked about
 * it, as each change of anybody's raises the generation of the rules.
 */
export class OwnTable implements Disposable {
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

  /** Adds elements, those that are there already with their values of now, and the rules that they need. */
  put(elements: readonly TableElement[], subnets: readonly IpNetwork[], rules: readonly Rule[] = []): void {
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

  /** Takes elements away that have this note: those that are known, or all of these sets where none is. */
  remove(
    note: string,
    known: readonly { readonly set: string; readonly key: Buffer }[],
    sets: readonly string[],
  ): void {
    if (known.length === 0) {
      this.removeWhere(sets, (other) => other === note);
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

  /** Takes away the elements of these sets with such a note. */
  removeWhere(sets: readonly string[], isWanted: (note: string) => boolean): void {
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

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  #delete(elements: readonly { readonly set: string; readonly key: Buffer }[], generation: number): void {
    const changes = elements.map((element) => nft.deleteElements(this.#table, element.set, [element]));
    nft.commit(this.#socket, changes, generation);
    if (this.#generation === generation) this.#generation = generation + 1;
  }

  /** An element that is there already, perhaps with another value, makes room. */
  #replacing(element: TableElement): readonly nft.NftChange[] {
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

function uniqueSubnets(subnets: readonly IpNetwork[]): Iterable<IpNetwork> {
  return new Map(subnets.map((subnet) => [formatNetwork(subnet), subnet])).values();
}
