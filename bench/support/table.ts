/** One line of the result: what was asked, what was measured, whether it holds. */
export interface Row {
  readonly id: string;
  readonly what: string;
  readonly target: string;
  readonly measured: string;
  readonly holds: boolean | undefined;
}

export function printTable(rows: readonly Row[]): void {
  const cells = [
    ["#", "what", "target", "measured", "holds"],
    ...rows.map((row) => [
      row.id,
      row.what,
      row.target,
      row.measured,
      row.holds === undefined ? "-" : row.holds ? "yes" : "NO",
    ]),
  ];
  const widths = [0, 1, 2, 3, 4].map((i) => Math.max(...cells.map((line) => line[i]!.length)));
  for (const line of cells) {
    console.log(
      line
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join("  ")
        .trimEnd(),
    );
  }
}
