import type { IceCandidate, TransportOptions } from "./media-protocol.ts";

/** The description with its candidates, for a far end that does not trickle. */
export function withCandidates(sdp: string, candidates: readonly IceCandidate[]): string {
  const lines = candidates.map(({ candidate }) => `a=${candidate}\r\n`);
  return `${sdp.replace(/\r?\n?$/, "\r\n")}${lines.join("")}a=end-of-candidates\r\n`;
}

/**
 * Whether the candidate may be sent to the far end. werift advertises every address of the machine even when it bound only some
 * of them.
 */
export function mayAdvertise(
  candidate: string,
  options: Pick<TransportOptions, "addresses" | "announcedAddress">,
): boolean {
  const address = /^candidate:\S+ \d+ \S+ \d+ (\S+) \d+ typ host/.exec(candidate)?.[1];
  if (address === undefined) return true;
  if (options.announcedAddress !== undefined) return address === options.announcedAddress;
  return options.addresses.length === 0 || options.addresses.includes(address);
}
