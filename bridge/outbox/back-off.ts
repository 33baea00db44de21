const firstMs = 500;
const longestMs = 60_000;

/** The wait after this many failures: doubles from half a second to a minute, and a quarter of it is random. */
export const backOffMs = (attempts: number, random: () => number): number =>
  Math.round(Math.min(longestMs, firstMs * 2 ** Math.min(attempts - 1, 10)) * (0.75 + random() / 4));
