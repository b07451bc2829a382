import { messageOf } from "../../ground/errors/index.ts";

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Names of the values from `min` on, if the field has any. */
  readonly names?: readonly string[];
}

const fields: readonly Field[] = [
  { name: "minute", min: 0, max: 59 },
  { name: "hour", min: 0, max: 23 },
  { name: "day of month", min: 1, max: 31 },
  {
    name: "month",
    min: 1,
    max: 12,
    names: ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
  },
  { name: "day of week", min: 0, max: 6, names: ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"] },
];

const nicknames: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

/**
 * Translates a schedule to numbers, `*`, ranges and steps of ranges, which all cron libraries understand.
 * Throws for schedules that Kubernetes rejects, such as `L` or a seventh day of the week, so that a manifest
 * that runs here also runs in a cluster (robfig/cron v3, parser.go).
 */
export function cronFields(schedule: string): string {
  const texts = (nicknames[schedule] ?? schedule).split(/[ \t]+/).filter((text) => text !== "");
  if (texts.length !== fields.length) {
    throw new Error(`it has ${texts.length} fields, and must have 5, or be one such as @daily or @every 10m`);
  }
  return fields.map((field, index) => plainField(texts[index] ?? "", field)).join(" ");
}

function plainField(text: string, field: Field): string {
  try {
    return text
      .split(",")
      .map((part) => plainPart(part, field))
      .join(",");
  } catch (error) {
    throw new Error(`${field.name} ${JSON.stringify(text)}: ${messageOf(error)}`);
  }
}

function plainPart(part: string, field: Field): string {
  const [range = "", step, ...rest] = part.split("/");
  if (rest.length > 0) throw new Error("it has more than one step");
  const plain = plainRange(range, step !== undefined, field);
  if (step === undefined) return plain;
  const every = wholeNumber(step);
  if (every === 0) throw new Error("a step is at least 1");
  return every === 1 ? plain : `${plain}/${every}`;
}

function plainRange(range: string, hasStep: boolean, field: Field): string {
  if (range === "*" || range === "?") return "*";
  const [from = "", to, ...rest] = range.split("-");
  if (rest.length > 0) throw new Error("a range has one hyphen");
  const first = fieldValue(from, field);
  // With a step, a single value starts a range to the end.
  const last = to !== undefined ? fieldValue(to, field) : hasStep ? field.max : first;
  if (first > last) throw new Error(`a range must be ascending, and ${first} is greater than ${last}`);
  return first === last ? `${first}` : `${first}-${last}`;
}

function fieldValue(text: string, { min, max, names = [] }: Field): number {
  const named = names.indexOf(text.toUpperCase());
  const value = named >= 0 ? min + named : wholeNumber(text);
  if (value < min || value > max) throw new Error(`${value} is not from ${min} to ${max}`);
  return value;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`${JSON.stringify(text)} is not a number`);
  return Number(text);
}
