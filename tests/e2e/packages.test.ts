import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { expect, test } from "@jest/globals";
import { nodeBinary, repositoryRoot } from "../support/daemon.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";

const env = { ...process.env, PATH: `${dirname(nodeBinary)}${delimiter}${process.env["PATH"]}` };

async function command(cwd: string, line: string): Promise<string> {
  const child = spawn("sh", ["-c", line], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += String(text)));
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${line} ended with ${code}:\n${output}`);
  return output;
}

test("npm pack of each package installs and runs in an empty folder", async () => {
  using directory = tempDirectory();
  const [packed, empty] = [join(directory.path, "packed"), join(directory.path, "empty")];
  for (const path of [packed, empty]) mkdirSync(path);
  await command(repositoryRoot, `npm pack --silent --workspaces --include-workspace-root --pack-destination ${packed}`);
  const archives = readdirSync(packed).sort();
  expect(archives.map((name) => name.replace(/-\d.*$/, ""))).toEqual([
    "armorclaw",
    "armorclaw-agent-runtime",
    "armorclaw-client-sdk",
    "armorclaw-protocol",
  ]);
  writeFileSync(join(empty, "package.json"), '{ "type": "module" }');
  await command(
    empty,
    `npm install --prefer-offline --no-audit --no-fund ${archives.map((name) => join(packed, name)).join(" ")}`,
  );

  expect(await command(empty, "npx --no-install armorclaw version --json")).toContain('"version":"0.1.0"');
  const script = `
    import { connect } from "@armorclaw/client-sdk";
    import { methods } from "@armorclaw/protocol";
    import { loopMap } from "@armorclaw/agent-runtime";
    console.log(Object.keys(methods).length > 20, "heartbeat" in loopMap, typeof connect);`;
  writeFileSync(join(empty, "uses.mjs"), script);
  expect(await command(empty, "node uses.mjs")).toContain("true true function");

  const flags = [
    "--engine",
    "process",
    "--runtime-dir",
    join(directory.path, "r"),
    "--state-dir",
    join(directory.path, "s"),
  ];
  const daemon = spawn(nodeBinary, [join(empty, "node_modules/armorclaw/bin/armorclaw.mjs"), "run", ...flags], { env });
  let output = "";
  for (const stream of [daemon.stdout, daemon.stderr]) stream.on("data", (text) => (output += String(text)));
  try {
    await until("an agent of the installed bridge", () => /started +heartbeat-1/.test(output));
  } catch (error) {
    throw new Error(output, { cause: error });
  } finally {
    daemon.kill("SIGTERM");
    await once(daemon, "close");
  }
  expect(daemon.exitCode).toBe(0);
}, 300_000);
