import { parseGoDuration, parseRfc3339 } from "../../ground/clock/index.ts";
import type { Labels } from "../../ground/labels/index.ts";
import type { GarbageNode } from "./garbage-node.ts";

/** A condition on a snapshot's labels under which the snapshot is held. */
export type Condition = {
  readonly node: GarbageNode & { readonly kind: "snapshot" };
  readonly isMet: (labels: Labels, nowMs: number) => boolean;
};

const conditionLabel = /^containerd\.io\/gc\.cond\.snapshot[./]([^/]+)(?:\/.*)?$/;
const usedAtLabel = "containerd.io/gc.cond.value-usedat";

/**
 * The labels `containerd.io/gc.cond.snapshot.SNAPSHOTTER = usedat<DURATION|KEY` of a blob or an image's name:
 * it holds that snapshot while less time has passed (with `>`: once more has) since the one in the snapshot's
 * label `containerd.io/gc.cond.value-usedat`. Of several conditions, separated by commas, one is enough;
 * other kinds of conditions are ignored.
 */
export function conditionsOf(labels: Labels): readonly Condition[] {
  return Object.entries(labels).flatMap(([name, value]) => {
    const [, snapshotter] = conditionLabel.exec(name) ?? [];
    const [, conditions, key] = /^([^|]*)\|(.*)$/s.exec(value) ?? [];
    if (snapshotter === undefined || conditions === undefined || key === undefined) return [];
    const tests = conditions.split(",").flatMap(usedAtTest);
    const isMet: Condition["isMet"] = (of, nowMs) => {
      const usedAtNs = parseRfc3339(of[usedAtLabel] ?? "");
      if (usedAtNs === undefined) return false;
      const passedMs = nowMs - Number(usedAtNs / 1_000_000n);
      return tests.some((test) => test(passedMs));
    };
    return [{ node: { kind: "snapshot", snapshotter, key }, isMet }];
  });
}

function usedAtTest(condition: string): readonly ((passedMs: number) => boolean)[] {
  const [, operator, duration = ""] = /^usedat([<>])(.*)$/.exec(condition) ?? [];
  const limitMs = parseGoDuration(duration);
  if (limitMs === undefined) return [];
  return operator === "<" ? [(passedMs) => passedMs < limitMs] : [(passedMs) => passedMs > limitMs];
}
