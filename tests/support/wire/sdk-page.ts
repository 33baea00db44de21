import { createServer } from "node:http";
import { join } from "node:path";
import { build } from "esbuild";
import { repositoryRoot } from "../daemon.ts";
import { listenOnLoopback } from "../loopback.ts";

/** Serves one page, whose origin the bridge must allow. */
export async function servePage(script: string) {
  const server = createServer((_, response) => {
    response.setHeader("content-type", "text/html");
    response.end(
      `<!doctype html><title>Dashboard</title><script>${script.replaceAll("</script", "<\\/script")}</script>`,
    );
  });
  const origin = `http://127.0.0.1:${await listenOnLoopback(server)}`;
  return { origin, [Symbol.dispose]: () => void server.close().closeAllConnections() };
}

/** Bundles the client into one script, whose exports are in `armorclaw`. */
export async function sdkForPages(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(repositoryRoot, "client-sdk/browser.ts")],
    bundle: true,
    write: false,
    platform: "browser",
    format: "iife",
    globalName: "armorclaw",
    minify: true,
    conditions: ["armorclaw-source", "browser"],
  });
  return outputFiles[0]?.text ?? "";
}
