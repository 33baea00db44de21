/** Above this many pairs of lines the comparison would take too long: all old lines are shown as removed, all new ones as added. */
const pairsMax = 4_000_000;

/** Returns every removed (`-`), added (`+`) and unchanged (` `) line. Nothing is left out: a person approves what is shown. */
export function lineDiff(before: string, after: string): string {
  const old = before === "" ? [] : before.split("\n");
  const next = after.split("\n");
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
