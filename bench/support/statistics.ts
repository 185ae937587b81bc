export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which the share `q` of the sample lies (nearest rank). */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? NaN;
}

/** The line through points by least squares: its slope, and half its 95 % interval. */
export function slopeOf(points: readonly (readonly [x: number, y: number])[]): {
  slope: number;
  interval: number;
} {
  const n = points.length;
  if (n < 3) return { slope: NaN, interval: NaN };
  const mean = (at: 0 | 1) => points.reduce((sum, point) => sum + point[at], 0) / n;
  const [x, y] = [mean(0), mean(1)];
  const spread = points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
  const slope = points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0) / spread;
  const rest = points.reduce((sum, point) => sum + (point[1] - y - slope * (point[0] - x)) ** 2, 0);
  // 2.1 is Student's t for about twenty points.
  return { slope, interval: 2.1 * Math.sqrt(rest / (n - 2) / spread) };
}
