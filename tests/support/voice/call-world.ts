import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startTestDaemon, type TestDaemon } from "../daemon.ts";
import { logInPerson, type Person } from "../matrix/matrix.ts";
import { type Synapse, startSynapse } from "../matrix/synapse.ts";
import { tempDirectory } from "../temp.ts";
import { until } from "../until.ts";

/** A homeserver, Ann whom the bridge trusts and Eve whom it does not, and a bridge with voice, all in one encrypted room. */
export interface CallWorld extends AsyncDisposable {
  readonly synapse: Synapse;
  /** Sends with a client that cannot encrypt. */
  readonly ann: Person;
  readonly eve: Person;
  readonly bridgeId: string;
  readonly room: string;
  /** Starts the real program on the state of the previous one. */
  startBridge(): Promise<TestDaemon>;
}

export interface CallWorldOptions {
  readonly start: readonly string[];
  readonly ports: readonly [first: number, last: number];
  /** Additional TOML of `[webrtc]`. */
  readonly voice?: (room: string) => string;
}

export async function startCallWorld({ start, ports, voice }: CallWorldOptions): Promise<CallWorld> {
  await using stack = new AsyncDisposableStack();
  const temp = stack.use(tempDirectory());
  const synapse = stack.use(await startSynapse());
  const bridgeId = await synapse.register("bridge", "secret");
  const annId = await synapse.register("ann", "secret");
  const eveId = await synapse.register("eve", "secret");
  const ann = await logInPerson(synapse, annId, "secret");
  const eve = await logInPerson(synapse, eveId, "secret");
  const room = await ann.createRoom({ encrypted: true, invite: [bridgeId, eveId] });
  await eve.request("POST", `join/${room}`);
  const config = join(temp.path, "config.toml");
  writeFileSync(
    config,
    `allow_unsandboxed = true
     [matrix]
     homeserver = "${synapse.url}"
     rooms = ["${room}"]
     [matrix.users]
     "${annId}" = "operator"
     [webrtc]
     enabled = true
     addresses = ["127.0.0.1"]
     port_first = ${ports[0]}
     port_last = ${ports[1]}
     ${voice?.(room) ?? ""}`,
  );
  const directories = { runtime: join(temp.path, "r"), state: join(temp.path, "s") };
  const owned = stack.move();
  return {
    synapse,
    ann,
    eve,
    bridgeId,
    room,
    async startBridge() {
      const bridge = await startTestDaemon({
        engine: "process",
        directories,
        start,
        flags: ["--config", config],
        env: { ARMORCLAW_TEST_VALIDATE: "1" },
      });
      try {
        await ready(bridge, start);
      } catch (error) {
        await bridge[Symbol.asyncDispose]();
        throw error;
      }
      return bridge;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Logs in where no account is logged in, and waits for the agents and the room. */
async function ready({ client }: TestDaemon, loops: readonly string[]): Promise<void> {
  if (!(await client.call("matrix.status", {})).logged_in)
    await client.call("matrix.login", { username: "bridge", password: "secret" });
  await until(
    "the bridge in the room",
    async () => {
      const { connected } = await client.call("matrix.status", {});
      const { rooms } = await client.call("matrix.rooms", {});
      const { agents } = await client.agent.list({});
      const isReady = loops.every((loop) =>
        agents.some((agent) => agent.agent_type === loop && agent.state === "running"),
      );
      return connected && isReady && rooms.some(({ membership, members }) => membership === "join" && members === 3);
    },
    60_000,
  );
}
