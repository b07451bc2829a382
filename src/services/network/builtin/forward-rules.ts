import { type NetlinkSocket, nft } from "../../../ground/linux/index.ts";
import {
  admittedSet,
  type Family,
  families,
  linkBytes,
  numberBytes,
  ofFamily,
  publishedSet,
  type Rule,
  redirected,
} from "./rule-table.ts";

/** Bit in the mark of admitted packets, for later filters. */
const admittedBit = 0x1000;

const setMark = [
  nft.loadMeta("mark", 0),
  nft.maskRegister(0, numberBytes(~admittedBit), numberBytes(admittedBit)),
  nft.storeMark(0),
];

/** IP_CT_ESTABLISHED and IP_CT_RELATED: replies to a pod. */
const answers = [
  nft.loadConnectionState(0),
  nft.maskRegister(0, numberBytes(0x6), numberBytes(0)),
  nft.differs(0, numberBytes(0)),
];

/** Marks packets from pods, replies to them, and packets to their host ports. */
export const forwardRules: readonly Rule[] = ([4, 6] as const).flatMap((family) => {
  const { source, destination } = families[family];
  return [
    markRule(`from pods of IPv${family}`, family, source, admittedSet(family), []),
    markRule(`answers to pods of IPv${family}`, family, destination, admittedSet(family), answers),
    markRule(`host ports of pods of IPv${family}`, family, destination, publishedSet(family), redirected),
  ];
});

function markRule(
  note: string,
  family: Family,
  offset: number,
  set: string,
  more: readonly nft.Expression[],
): Rule {
  const address = nft.loadHeader("network", offset, families[family].addressBytes, 0);
  const expressions = [...ofFamily(family), address, nft.isElement(set, 0), ...more, ...setMark];
  return { chain: "forward", note, expressions };
}

/** Drops packets from other isolated bridges, and with `itself` those from the bridge itself. */
export function isolationRules(bridge: string, itself: boolean): readonly Rule[] {
  const name = linkBytes(bridge);
  const from = [nft.loadMeta("inputName", 0), nft.equals(0, name)];
  const to = [nft.loadMeta("outputName", 0), nft.equals(0, name)];
  const elsewhere = [nft.loadMeta("outputName", 0), nft.differs(0, name)];
  return [
    {
      chain: "isolation",
      note: `leaves ${bridge}`,
      expressions: [...from, ...elsewhere, nft.decide({ kind: "jump", chain: "isolated" })],
    },
    { chain: "isolated", note: `comes to ${bridge}`, expressions: [...to, nft.decide({ kind: "drop" })] },
    ...(itself
      ? [
          {
            chain: "isolation",
            note: `stays in ${bridge}`,
            expressions: [...from, ...to, nft.decide({ kind: "drop" })],
          },
        ]
      : []),
  ];
}

/** The names that the program firewall uses; the second is for administrators' own rules. */
const [forwardChain, adminChain] = ["CNI-FORWARD", "CNI-ADMIN"];
const filters = (["ip", "ip6"] as const).map((family) => ({ family, table: "filter" }));

/**
 * Lets marked packets pass iptables' filter, if it exists: one table cannot allow what another refuses. There
 * is one rule of each kind, however many pods there are; iptables can list all of them.
 */
export function admittance(socket: NetlinkSocket): readonly nft.NftChange[] {
  return filters
    .filter((filter) => nft.hasChain(socket, { ...filter, chain: "FORWARD" }))
    .flatMap((filter) => {
      const forward = { ...filter, chain: "FORWARD" };
      const own = { ...filter, chain: forwardChain };
      const admin = { ...filter, chain: adminChain };
      const wanted = [
        { in: forward, place: "first", does: [nft.decide({ kind: "jump", chain: forwardChain })] },
        { in: own, place: "first", does: [nft.decide({ kind: "jump", chain: adminChain })] },
        { in: own, place: "last", does: [...isMarked, nft.decide({ kind: "accept" })] },
      ] as const;
      const missing = wanted.filter(
        (rule, index) => !nft.notesOfRules(socket, rule.in).includes(noteOf(index)),
      );
      if (missing.length === 0) return [];
      return [
        nft.addForeignChain(own),
        nft.addForeignChain(admin),
        ...missing.map((rule) =>
          nft.addForeignRule(
            rule.in,
            rule.place,
            [...rule.does.slice(0, -1), nft.counter(), ...rule.does.slice(-1)],
            noteOf(wanted.indexOf(rule)),
          ),
        ),
      ];
    });
}

const isMarked = [
  nft.loadMeta("mark", 0),
  nft.maskRegister(0, numberBytes(admittedBit), numberBytes(0)),
  nft.equals(0, numberBytes(admittedBit)),
];

function noteOf(index: number): string {
  return ["berth: pods", "berth: admin overrides", "berth: admitted"][index] ?? "";
}
