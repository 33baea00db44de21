import { exitCodes } from "../core/exit-codes.ts";
import type { Runner } from "../core/invocation.ts";
import { programVersion } from "../core/program-version.ts";

/** `armorclaw version`. */
export const run: Runner = async ({ out }) => {
  const version = programVersion();
  if (out.isJson) out.json({ version, node: process.versions.node, platform: process.platform, arch: process.arch });
  else out.text(`armorclaw ${version} (Node ${process.versions.node}, ${process.platform} ${process.arch})`);
  return exitCodes.ok;
};
