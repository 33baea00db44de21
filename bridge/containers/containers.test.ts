import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { openProbeEngine, probeOptions, startProbe } from "../../tests/support/engines/engine-harness.ts";
import { tempDirectory } from "../../tests/support/temp.ts";
import { type ContainerSpec, selectEngine } from "./index.ts";

describe("selectEngine", () => {
  test("auto selects an engine that works, and not Docker where there is none", async () => {
    using directory = tempDirectory();
    const dockerHost = `unix://${directory.path}/none.sock`;
    const engine = await selectEngine(probeOptions("auto", directory.path, { dockerHost }));
    expect(["sandbox", "process"]).toContain(engine.kind);
    if (engine.kind === "process") expect(engine.status.missing.join()).toContain("apt-get install bubblewrap");
    await engine.close();
  });

  test("a missing Docker engine is reported with the reason", async () => {
    using directory = tempDirectory();
    const options = probeOptions("docker", directory.path, { dockerHost: `unix://${directory.path}/none.sock` });
    await expect(selectEngine(options)).rejects.toMatchObject({
      code: "ENGINE_UNAVAILABLE",
      message: expect.stringMatching(/no socket/),
    });
  });

  test("a Docker engine that hangs is given up", async () => {
    using directory = tempDirectory();
    const path = join(directory.path, "hangs.sock");
    await using _server = createServer((socket) => socket.on("error", () => socket.destroy()).resume()).listen(path);
    const options = probeOptions("docker", directory.path, { dockerHost: `unix://${path}` });
    await expect(selectEngine(options)).rejects.toMatchObject({
      code: "ENGINE_UNAVAILABLE",
      message: expect.stringMatching(/too long/),
    });
  });

  test("a Docker host that cannot be parsed is reported with the valid forms", async () => {
    using directory = tempDirectory();
    const options = probeOptions("docker", directory.path, { dockerHost: "ssh://me@there" });
    await expect(selectEngine(options)).rejects.toMatchObject({
      code: "ENGINE_UNAVAILABLE",
      message: expect.stringMatching(/unix:\/\//),
    });
  });

  test("a missing bundle is reported with its name", async () => {
    using directory = tempDirectory();
    const agentBundle = join(directory.path, "none.mjs");
    const engine = await selectEngine(probeOptions("process", directory.path, { agentBundle }));
    await expect(startProbe(engine, directory.path)).rejects.toMatchObject({
      code: "IMAGE_BUILD_FAILED",
      message: expect.stringContaining(agentBundle),
    });
  });
});

describe("the process engine", () => {
  // An unknown grant represents every grant that requires a sandbox.
  const guarded = { grants: ["keystore.read"] as unknown as ContainerSpec["grants"] };

  test("refuses agents that hold grants", async () => {
    using directory = tempDirectory();
    const engine = await openProbeEngine(probeOptions("process", directory.path));
    await expect(startProbe(engine, directory.path, guarded)).rejects.toMatchObject({ code: "ISOLATION_REFUSED" });
    await using harmless = await startProbe(engine, directory.path, { grants: ["system.info"] });
    expect(harmless.container.pid).toBeGreaterThan(1);
  });

  test("accepts them when the operator allows it", async () => {
    using directory = tempDirectory();
    const engine = await openProbeEngine(probeOptions("process", directory.path, { allowUnsandboxed: true }));
    await using probe = await startProbe(engine, directory.path, guarded);
    expect((await probe.container.attest()).isolation).toBe("none");
  });
});
