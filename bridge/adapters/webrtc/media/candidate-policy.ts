import { BlockList, isIP } from "node:net";
import type { RemoteCandidates } from "../protocol/media-protocol.ts";

/** The longest candidate line that a browser sends is about 200 characters. */
const candidateCharsMax = 512;
/** Lower ports belong to services. Browsers bind to none of them. */
const portMin = 1024;

const loopback = blockList(["127.0.0.0/8", "::1/128"]);
const inner = blockList([
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "fc00::/7",
  "fe80::/10",
]);
const never = blockList(["224.0.0.0/3", "ff00::/8", "::/128"]);

/**
 * Whether the bridge may send connectivity checks to the candidate's address. werift sends to any address that it is given and
 * resolves `.local` names on the local network: each caller could scan ports behind the firewall.
 */
export function mayContact(
  candidate: string,
  policy: { readonly remoteCandidates: RemoteCandidates; readonly relayOnly: boolean },
): boolean {
  if (policy.remoteCandidates === "ignore" || candidate.length > candidateCharsMax) return false;
  const [, transport = "", address = "", port = "", type = ""] =
    /^(?:a=)?candidate:\S+ 1 (\S+) \d+ (\S+) (\d{1,5}) typ (\w+)/.exec(candidate) ?? [];
  if (transport.toLowerCase() !== "udp" || Number(port) < portMin || Number(port) > 65_535) return false;
  if (policy.relayOnly && type !== "relay") return false;
  const family = isIP(address);
  // Browsers send no IPv4 address mapped into IPv6, such as ::ffff:127.0.0.1.
  if (family === 0 || (family === 6 && address.includes("."))) return false;
  const kind = family === 6 ? "ipv6" : "ipv4";
  if (never.check(address, kind)) return false;
  return policy.remoteCandidates === "any" || !(loopback.check(address, kind) || inner.check(address, kind));
}

function blockList(subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [network = "", prefix = ""] = subnet.split("/");
    list.addSubnet(network, Number(prefix), network.includes(":") ? "ipv6" : "ipv4");
  }
  return list;
}
