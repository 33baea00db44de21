// One load, in a process of its own: `client.ts PEER SOCKET LOAD DURATION_MS`. Its parent asks the server for its usage.
import { loads, type Usage } from "./loads.ts";
import { type PeerName, peers } from "./peers.ts";

const [name = "", path = "", load = "", durationMs = ""] = process.argv.slice(2);
const usage = () =>
  new Promise<Usage>((resolve) => {
    process.once("message", (answer) => resolve(answer as Usage));
    process.send?.("usage");
  });
const peer = await peers[name as PeerName]();
const isLeftOut = peer.loads?.includes(load) === false;
const figures = isLeftOut ? undefined : await loads[load]?.({ peer, path, durationMs: Number(durationMs), usage });
process.send?.({ figures: figures ?? null }, () => process.exit());
