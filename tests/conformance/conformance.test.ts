import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";

const here = import.meta.dirname;

interface Outcome {
  readonly name: string;
  readonly ok: boolean;
  readonly why?: string;
}

const files = ["cases.json", "more-cases.json"];

test.each(files)(
  "every case of %s passes against the daemon's own listener, limits and dispatcher",
  async (file) => {
    using directory = tempDirectory();
    const socket = join(directory.path, "fixture.sock");
    const report = join(directory.path, "report.json");
    const server = spawn(
      process.execPath,
      ["--conditions=armorclaw-source", join(here, "../support/wire/fixture-server.ts"), "--socket", socket],
      { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, NODE_OPTIONS: "" } },
    );
    try {
      let said = "";
      server.stdout.on("data", (data) => {
        said += data;
      });
      await until("the fixture server's start", () => said.includes("listening"));
      const runner = spawn(
        process.execPath,
        [
          join(here, "run-conformance.mjs"),
          `--socket=${socket}`,
          `--pid=${server.pid}`,
          `--json=${report}`,
          `--cases=${join(here, file)}`,
        ],
        { stdio: "ignore", env: { ...process.env, NODE_OPTIONS: "" } },
      );
      await once(runner, "close");
    } finally {
      server.kill();
      await once(server, "close");
    }
    const outcomes = JSON.parse(readFileSync(report, "utf8")) as Outcome[];
    const { cases } = JSON.parse(readFileSync(join(here, file), "utf8")) as { readonly cases: unknown[] };
    expect(outcomes.filter(({ ok }) => !ok)).toEqual([]);
    expect(outcomes).toHaveLength(cases.length);
  },
  180_000,
);
