export type Chart = {
  readonly title: string;
  /** The values' unit. */
  readonly unit: string;
  readonly x: { readonly label: string; readonly values: readonly number[] };
  readonly series: readonly { readonly name: string; readonly values: readonly number[] }[];
};

const [width, height, margin] = [640, 320, 56];
const colours = ["#0072b2", "#d55e00", "#009e73"];

/** A line chart as SVG, from zero, with the values written at the points. */
export function lineChart({ title, unit, x, series }: Chart): string {
  const highest = Math.max(...series.flatMap(({ values }) => values));
  const last = Math.max(...x.values);
  const left = (value: number) => round(margin + (value / last) * (width - 2 * margin));
  const top = (value: number) => round(height - margin - (value / highest) * (height - 2 * margin));
  const axis = `<path d="M${margin} ${margin}V${height - margin}H${width - margin}" fill="none" stroke="#555"/>`;
  const ticks = x.values.map((value) => text(left(value), height - margin + 18, String(value), "middle"));
  const lines = series.flatMap(({ name, values }, index) => {
    const colour = colours[index % colours.length] ?? "#000";
    const points = values.map((value, at) => [left(x.values[at] ?? 0), top(value)] as const);
    const path = `<polyline points="${points.map((point) => point.join(",")).join(" ")}" fill="none" stroke="${colour}" stroke-width="2"/>`;
    const marks = points.map(([at, high], point) =>
      text(at, high - 6, figure(values[point] ?? 0), "middle", colour),
    );
    return [path, ...marks, text(margin + 8 + index * 140, margin - 10, name, "start", colour)];
  });
  const parts = [
    text(margin, 20, `${title} (${unit})`, "start"),
    text(width / 2, height - 12, x.label, "middle"),
    axis,
    ...ticks,
    ...lines,
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="12">
<title>${escaped(title)}</title>
<rect width="100%" height="100%" fill="#fff"/>
${parts.join("\n")}
</svg>
`;
}

function text(x: number, y: number, words: string, anchor: "start" | "middle", colour = "#222"): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" fill="${colour}">${escaped(words)}</text>`;
}

function escaped(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
