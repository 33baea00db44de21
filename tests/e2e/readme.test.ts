import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "@jest/globals";
import { nodeBinary, program, repositoryRoot, run, shell, startTestDaemon } from "../support/daemon.ts";
import { until } from "../support/until.ts";

const read = (file: string) => readFileSync(join(repositoryRoot, file), "utf8");

/** The documents for people. Pages in docs/reference are generated and checked elsewhere. */
const documents = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", ...markdownBelow("docs")];

/** A decision names the files of its time. */
const isCurrent = (document: string) => !document.startsWith("docs/decisions/");

/** Returns the lines of a document that a person is to type. */
const commandsOf = (document: string) => [...read(document).matchAll(/^\$ (.+)$/gm)].map(([, command = ""]) => command);

/** Returns the pages of a folder, with their paths from the root. */
function markdownBelow(folder: string): string[] {
  return readdirSync(join(repositoryRoot, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md") && !name.startsWith("reference"))
    .map((name) => join(folder, name));
}

test("every command of the README and the guides works", async () => {
  expect(commandsOf("README.md").slice(0, 2)).toEqual(["npm ci", "npm start"]);
  const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
  expect(scripts["start"]).toMatch(/^node (?:--\S+ )?bin\/armorclaw\.mjs run$/);
  await using daemon = await startTestDaemon({ engine: "auto", start: ["heartbeat", "system-monitor"] });
  await until("both run", async () => (await daemon.client.bridge.status()).agents.running === 2);
  const typed = documents.flatMap(commandsOf).filter((command) => !/^npm (?:ci|start|test)$/.test(command));
  for (const command of typed) {
    const line = command.replace(/^npx armorclaw\b/, `${nodeBinary} ${program}`);
    const { code, stdout, stderr } = await shell(line, { ARMORCLAW_SOCKET: daemon.socket });
    // Without a sandbox `health` reports a problem.
    const expected = command.endsWith(" health") ? [0, 12] : [0];
    expect({ command, code: expected.includes(code ?? -1), stdout: stdout !== "", stderr }).toEqual({
      command,
      code: true,
      stdout: true,
      stderr,
    });
  }
  expect(typed.length).toBeGreaterThan(10);
}, 180_000);

test("the banner in the README is the one that a person sees", async () => {
  await using daemon = await startTestDaemon({ engine: "auto" });
  const shown = /```text\n([\s\S]*?)```/.exec(read("README.md"))?.[1]?.split("\n") ?? [];
  const labels = shown.flatMap((line) => /^ {2}(\w+) /.exec(line)?.[1] ?? []);
  expect(labels).toEqual(["Socket", "State", "Engine", "Enforced"]);
  const seen = await until("the banner", () =>
    daemon.process.output.stdout.includes("Ctrl-C") ? daemon.process.output.stdout : undefined,
  );
  expect(seen.split("\n")[0]).toBe(shown[0]);
  for (const label of ["Socket", "State", "Engine"]) expect(seen).toMatch(new RegExp(`^ {2}${label} `, "m"));
  expect(seen).toContain(daemon.socket);
}, 30_000);

test("every file that a document links to exists", () => {
  const broken = documents.flatMap((document) =>
    [...read(document).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].flatMap(([, target = ""]) =>
      existsSync(join(repositoryRoot, dirname(document), target)) ? [] : [`${document}: ${target}`],
    ),
  );
  expect(broken).toEqual([]);
});

test("armorclaw without arguments shows a newcomer the commands", async () => {
  const { code, stdout } = await run([]).finished;
  expect(code).toBe(0);
  for (const command of ["status", "ps", "events", "logs", "start", "stop", "rpc", "config", "run"])
    expect(stdout).toMatch(new RegExp(`^ +${command}\\b`, "m"));
});

test("every file that a document names exists", () => {
  const missing = documents
    .filter(isCurrent)
    .flatMap((document) =>
      [
        ...read(document).matchAll(
          /`((?:bridge|protocol|client-sdk|agent-runtime|tests|scripts|docs)\/[\w./-]+\.\w+)`/g,
        ),
      ].flatMap(([, file = ""]) => (existsSync(join(repositoryRoot, file)) ? [] : [`${document}: ${file}`])),
    );
  expect(missing).toEqual([]);
});
