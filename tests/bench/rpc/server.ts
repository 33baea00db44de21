// One peer's server, in a process of its own: `server.ts PEER SOCKET`. Reports its usage to its parent on request.
import { type PeerName, peers } from "./peers.ts";

const [name = "", path = ""] = process.argv.slice(2);
process.on("message", () => process.send?.({ cpu: process.cpuUsage(), rss: process.memoryUsage.rss() }));
process.on("disconnect", () => process.exit());
const peer = await peers[name as PeerName]();
await peer.serve(path);
process.send?.("ready");
