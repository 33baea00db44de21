/** Lines compared one with another; more than this many pairs are shown as all removed and all added. */
const pairsMax = 4_000_000;

/** Every line that goes (`-`) and comes (`+`), and those that stay (` `): nothing is left out. */
export function lineDiff(before: string, after: string): string {
  const [old, next] = [before === "" ? [] : before.split("\n"), after.split("\n")];
  if (old.length * next.length > pairsMax)
    return [...old.map((line) => `-${line}`), ...next.map((line) => `+${line}`)].join("\n");
  const width = next.length + 1;
  const common = new Uint32Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = next.length - 1; j >= 0; j--) {
      const below = common[(i + 1) * width + j] ?? 0;
      const right = common[i * width + j + 1] ?? 0;
      common[i * width + j] = old[i] === next[j] ? (common[(i + 1) * width + j + 1] ?? 0) + 1 : Math.max(below, right);
    }
  }
  const lines: string[] = [];
  for (let i = 0, j = 0; i < old.length || j < next.length; ) {
    if (i < old.length && j < next.length && old[i] === next[j]) {
      lines.push(` ${old[i]}`);
      i += 1;
      j += 1;
    } else if (
      j < next.length &&
      (i >= old.length || (common[i * width + j + 1] ?? 0) > (common[(i + 1) * width + j] ?? 0))
    ) {
      lines.push(`+${next[j]}`);
      j += 1;
    } else {
      lines.push(`-${old[i]}`);
      i += 1;
    }
  }
  return lines.join("\n");
}
