import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BridgeError } from "@armorclaw/protocol";

/** The agent's one file, which is in dist/ of a clone and of an installed package. @throws BridgeError IMAGE_BUILD_FAILED */
export function agentBundlePath(): string {
  const candidates = ["../../../dist/agent/agent.mjs", "../../../agent/agent.mjs"].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  const found = candidates.find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new BridgeError("IMAGE_BUILD_FAILED", "The agents' bundle dist/agent/agent.mjs is missing");
}
