/** Compiles channel patterns: `*` stands for one whole segment, a last `>` for one or more. */
export function compilePatterns(patterns: readonly string[]): (channel: string) => boolean {
  const exact = new Set(patterns.filter((pattern) => !/[*>]/.test(pattern)));
  const wild = patterns.filter((pattern) => !exact.has(pattern)).map((pattern) => pattern.split("."));
  if (wild.some((segments) => segments[0] === ">")) return () => true;
  return (channel) => exact.has(channel) || (wild.length > 0 && matchesAny(wild, channel.split(".")));
}

function matchesAny(patterns: readonly (readonly string[])[], channel: readonly string[]): boolean {
  return patterns.some((pattern) => {
    for (const [index, segment] of pattern.entries()) {
      if (segment === ">") return channel.length > index;
      if (index >= channel.length || (segment !== "*" && segment !== channel[index])) return false;
    }
    return pattern.length === channel.length;
  });
}

/** Whether every channel that `pattern` matches is matched by `right` too. */
export function coversPattern(right: string, pattern: string): boolean {
  const asked = pattern.split(".");
  const allowed = right.split(".");
  for (const [index, segment] of allowed.entries()) {
    if (segment === ">") return asked.length > index;
    const wanted = asked[index];
    if (wanted === undefined || wanted === ">" || (segment !== "*" && segment !== wanted)) return false;
  }
  return asked.length === allowed.length;
}
