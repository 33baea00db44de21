import { AgentId, LoopName } from "@armorclaw/protocol";
import { expect, test } from "@jest/globals";
import { createBody } from "./hardening.ts";

const spec = {
  agentId: AgentId.parse("heartbeat-1"),
  loop: LoopName.parse("heartbeat"),
  epoch: 3,
  slot: 5,
  limits: { memory_bytes: 100 * 1024 * 1024, cpus: 0.5, pids: 64, tmp_bytes: 16_777_216 },
  grants: [],
  endpointDirectory: "/run/armorclaw/agents/heartbeat-1.3",
};
const context = { installId: "4f1c", imageId: "sha256:abc", containerUid: 300_005, arch: "x64", programs: [] };

test("a container is created with every restriction that Docker has", () => {
  const { HostConfig, ...body } = createBody(spec, context);
  const { SecurityOpt, ...host } = HostConfig;
  expect(body).toEqual({
    name: "armorclaw-4f1c-heartbeat-1-3",
    Image: "sha256:abc",
    User: "300005:300005",
    Cmd: ["--max-old-space-size=60", "/app/agent.mjs"],
    Env: ["HOME=/tmp"],
    NetworkDisabled: true,
    StopTimeout: 5,
    Labels: { "ac.install": "4f1c", "ac.agent": "heartbeat-1", "ac.epoch": "3", "ac.uid": "300005" },
  });
  expect(SecurityOpt).toEqual(["no-new-privileges:true", expect.stringMatching(/^seccomp=\{/)]);
  expect(host).toEqual({
    NetworkMode: "none",
    CapDrop: ["ALL"],
    ReadonlyRootfs: true,
    IpcMode: "none",
    Tmpfs: { "/tmp": "rw,noexec,nosuid,nodev,size=16777216,nr_inodes=4096,mode=1777" },
    PidsLimit: 64,
    Memory: 104_857_600,
    MemorySwap: 104_857_600,
    NanoCpus: 500_000_000,
    OomScoreAdj: 500,
    Ulimits: [
      { Name: "nofile", Soft: 256, Hard: 256 },
      { Name: "core", Soft: 0, Hard: 0 },
      { Name: "msgqueue", Soft: 0, Hard: 0 },
    ],
    RestartPolicy: { Name: "no" },
    LogConfig: { Type: "json-file", Config: { "max-size": "1m", "max-file": "1" } },
    Mounts: [
      {
        Type: "bind",
        Source: "/run/armorclaw/agents/heartbeat-1.3",
        Target: "/run/bridge",
        ReadOnly: true,
        BindOptions: { Propagation: "rprivate" },
      },
    ],
  });
});

test("a workspace is a noexec volume on its own device, and nothing else changes", () => {
  const plain = createBody(spec, context).HostConfig;
  const source = { directory: "/state/workspaces/heartbeat-1.mount", device: "/dev/loop7" };
  const { Mounts, ...other } = createBody(
    { ...spec, workspace: { sizeBytes: 16_777_216, source } },
    context,
  ).HostConfig;
  expect({ ...other, Mounts: Mounts.slice(0, -1) }).toEqual(plain);
  expect(Mounts.at(-1)).toEqual({
    Type: "volume",
    Source: "",
    Target: "/workspace",
    ReadOnly: false,
    VolumeOptions: {
      NoCopy: true,
      Labels: {},
      DriverConfig: {
        Name: "local",
        Options: { type: "ext4", device: "/dev/loop7", o: "nosuid,nodev,noexec" },
      },
    },
  });
});

test("another runtime is passed on, and nothing else changes", () => {
  const plain = createBody(spec, context);
  const other = createBody(spec, { ...context, runtime: "runsc" });
  expect(other).toEqual({ ...plain, HostConfig: { ...plain.HostConfig, Runtime: "runsc" } });
});

test("Podman gets the filter as a file, noexec writable directories, and no option that it does not know", () => {
  const { HostConfig } = createBody(spec, { ...context, podmanProfiles: "/state/seccomp" });
  expect(HostConfig.SecurityOpt).toEqual(["no-new-privileges:true", "seccomp=/state/seccomp/loop.json"]);
  expect(HostConfig.Tmpfs).toEqual({
    "/run": "ro,noexec,nosuid,nodev,size=64k,mode=0755",
    "/var/tmp": "ro,noexec,nosuid,nodev,size=64k,mode=0755",
    "/tmp": "rw,noexec,nosuid,nodev,size=16777216,mode=1777",
  });
});

test("a grant of the host's programs adds read-only mounts, child processes without new namespaces, and an init that reaps them", () => {
  const programs = [{ from: "/usr/bin/espeak-ng", to: "/tmp/speech/bin/espeak-ng" }];
  const { HostConfig: plain } = createBody(spec, context);
  const { HostConfig: granted } = createBody(spec, { ...context, programs });
  const cloneRule = ({ SecurityOpt }: typeof plain) => {
    const { syscalls } = JSON.parse(SecurityOpt[1]?.replace("seccomp=", "") ?? "");
    return syscalls.find(({ names }: { names: string[] }) => names.includes("clone")).args[0];
  };
  expect(granted.Mounts).toEqual([
    ...plain.Mounts,
    {
      Type: "bind",
      Source: "/usr/bin/espeak-ng",
      Target: "/tmp/speech/bin/espeak-ng",
      ReadOnly: true,
      BindOptions: { Propagation: "rprivate" },
    },
  ]);
  expect(cloneRule(plain)).toMatchObject({ op: "SCMP_CMP_MASKED_EQ", valueTwo: 0x10000 });
  expect(cloneRule(granted)).toMatchObject({ op: "SCMP_CMP_MASKED_EQ", valueTwo: 0 });
  expect({ ...granted, SecurityOpt: [], Mounts: [] }).toEqual({ ...plain, SecurityOpt: [], Mounts: [], Init: true });
});
