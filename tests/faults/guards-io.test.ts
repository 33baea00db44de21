import { spawnSync } from "node:child_process";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { nodeBinary } from "../support/daemon.ts";
import { describeIf } from "../support/machine/require-part.ts";
import { bundleWriter } from "../support/security/guard-bundle.ts";
import { guardsOn } from "../support/security/guard-store.ts";
import { tempDirectory } from "../support/temp.ts";

const hasStrace = spawnSync("strace", ["-e", "inject=fsync:error=EIO:when=1", "true"]).status === 0;
/** The errors that a caller may receive. */
const typed = /^error (?:STORE_FULL|STORE_FAILED|AUDIT_UNAVAILABLE|KEYSTORE_DAMAGED|SHUTTING_DOWN)$/;

describeIf(hasStrace, "strace cannot be used here", "a disk that fails at the k-th call, for every k", () => {
  test.each([
    ["ENOSPC", "pwrite64"],
    ["EIO", "pwrite64"],
    ["EIO", "fdatasync,fsync"],
  ])(
    "%s in %s causes a typed error or none, and no corruption",
    async (error, calls) => {
      using seed = tempDirectory();
      using tools = tempDirectory();
      const writer = bundleWriter(tools.path);
      await (await guardsOn(seed.path)).close();
      const untyped: unknown[] = [];
      let injected = 0;
      for (let k = 1; ; k++) {
        using directory = tempDirectory();
        cpSync(seed.path, directory.path, { recursive: true });
        const trace = ["-f", "--seccomp-bpf", "-qq", "-o", join(directory.path, "trace")];
        const faults = ["-e", `trace=${calls}`, "-e", `inject=${calls}:error=${error}:when=${k}`];
        const { stdout, stderr, status } = spawnSync(
          "strace",
          [...trace, ...faults, nodeBinary, writer, directory.path, "2"],
          {
            encoding: "utf8",
            timeout: 60_000,
          },
        );
        const hit = spawnSync("grep", ["-c", "INJECTED", join(directory.path, "trace")], { encoding: "utf8" });
        if (Number(hit.stdout) === 0) break;
        injected += 1;
        const wrong = stdout.split("\n").filter((line) => line.startsWith("error") && !typed.test(line));
        // A store that does not open fails the start with its code.
        if (wrong.length > 0 || (status !== 0 && !/STORE_FULL|STORE_FAILED/.test(stderr)))
          untyped.push({ k, wrong, stderr });
        const guards = await guardsOn(directory.path);
        guards.keystore.verify();
        const verdict = await guards.audit.verify();
        const said = new Set(
          stdout
            .split("\n")
            .filter((line) => line.startsWith("used "))
            .map((line) => line.slice(5)),
        );
        for (const id of said) expect(guards.approvals.get(id).status).toBe("used");
        expect({ k, ok: verdict.ok, reason: verdict.reason }).toEqual({ k, ok: true, reason: undefined });
        await guards.close();
      }
      expect(untyped).toEqual([]);
      process.stderr.write(`${error} in ${calls}: ${injected} calls failed in turn\n`);
      expect(injected).toBeGreaterThan(5);
    },
    180_000,
  );
});
