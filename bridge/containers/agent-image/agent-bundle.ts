import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BridgeError } from "@armorclaw/protocol";

/** From the sources, from the program in dist/program, and from a bundle beside it: dist/ is at most three folders up. */
const candidates = [
  "../../../dist/agent/agent.mjs",
  "../../../agent/agent.mjs",
  "../../agent/agent.mjs",
  "../agent/agent.mjs",
];

/** The agent's one file, which is in dist/ of a clone and of an installed package. @throws BridgeError IMAGE_BUILD_FAILED */
export function agentBundlePath(): string {
  const found = candidates
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new BridgeError("IMAGE_BUILD_FAILED", "The agents' bundle dist/agent/agent.mjs is missing");
}
