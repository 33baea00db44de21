import { BlockList, isIP } from "node:net";

/** Addresses outside the public internet: private, local, shared and reserved ones, and IPv6 forms of IPv4 addresses. */
const special: readonly [string, number][] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
  ["::", 96],
  ["::ffff:0:0", 96],
  ["::ffff:0:0:0", 96],
  ["64:ff9b::", 96],
  ["64:ff9b:1::", 48],
  ["100::", 64],
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
  ["5f00::", 16],
  ["fc00::", 7],
  ["fe80::", 9],
  ["ff00::", 8],
];

/** Each family has its own list, because one list would match an IPv4 address by its mapped IPv6 form. */
const blocked = { 4: blockList(4), 6: blockList(6) };

function blockList(family: 4 | 6): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of special.filter(([network]) => isIP(network) === family))
    list.addSubnet(network, prefix, family === 6 ? "ipv6" : "ipv4");
  return list;
}

/** Whether the address belongs to the public internet. */
export function isPublic(address: string): boolean {
  const family = isIP(address);
  if (family !== 4 && family !== 6) return false;
  return !blocked[family].check(address, family === 6 ? "ipv6" : "ipv4");
}
