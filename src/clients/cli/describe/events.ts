import type { berthV1 } from "../../../ground/protocol/index.ts";
import type { Sheet } from "./sheet.ts";
import { shortDuration } from "./times.ts";

/** The events of an object, as kubectl shows them, except for who reported them. */
export function describeEvents(sheet: Sheet, events: readonly berthV1.ObjectEvent[], nowMs: number): void {
  const lines = events.map(({ type, reason, at, count, message }) => {
    const age = shortDuration(nowMs - Number(at / 1_000_000n));
    return [type, reason, count > 1 ? `${age} (x${count})` : age, message];
  });
  const header = [
    ["Type", "Reason", "Age", "Message"],
    ["----", "------", "----", "-------"],
  ];
  sheet.list(0, "Events:", lines.length === 0 ? [] : [...header, ...lines], (cells) =>
    sheet.line(1, ...cells),
  );
}
