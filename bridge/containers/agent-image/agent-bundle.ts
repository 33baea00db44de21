import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BridgeError } from "@armorclaw/protocol";

/** dist/ is at most three folders up, whether this code runs from the sources, from dist/program or from a bundle beside it. */
const candidates = [
  "../../../dist/agent/agent.mjs",
  "../../../agent/agent.mjs",
  "../../agent/agent.mjs",
  "../agent/agent.mjs",
];

/** Returns the path of the agent's bundle, which is in dist/ of a clone and of an installed package. @throws BridgeError IMAGE_BUILD_FAILED */
export function agentBundlePath(): string {
  const found = candidates
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new BridgeError("IMAGE_BUILD_FAILED", "The agents' bundle dist/agent/agent.mjs is missing");
}
