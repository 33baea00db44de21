import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startTestDaemon, type TestDaemon, type TestDaemonOptions } from "../daemon.ts";
import { tempDirectory } from "../temp.ts";
import { until } from "../until.ts";
import { logInPerson, type Person, startAccount, type TestAccount } from "./matrix.ts";
import { type Synapse, startSynapse } from "./synapse.ts";

/** A homeserver, a person with a client that encrypts, two rooms, and bridges that may be started on one state. */
export interface MatrixWorld extends AsyncDisposable {
  readonly synapse: Synapse;
  readonly ann: TestAccount;
  readonly person: Person;
  readonly bridgeId: string;
  /** The id of the encrypted room. */
  readonly room: string;
  readonly openRoom: string;
  /** The directory of the test's accounts. */
  readonly path: string;
  /** Starts the real program. Each start resumes the state of the one before. */
  startBridge(options?: Pick<TestDaemonOptions, "flags">): Promise<TestDaemon>;
  /** The options of the first start. */
  logIn(bridge: TestDaemon): Promise<void>;
  /** Sends a message as Ann or another person, as soon as the homeserver accepts it. Resolves with the event's id. */
  say(room: string, body: string, more?: object, who?: TestAccount): Promise<string>;
  /** Resolves with the bridge's first message in the event's thread. */
  answerTo(eventId: string): Promise<string>;
}

export interface MatrixWorldOptions {
  readonly engine?: TestDaemonOptions["engine"];
  readonly start?: readonly string[];
  /** The homeserver's address for the bridge. The default is its own port. */
  readonly homeserver?: (synapse: Synapse) => Promise<string> | string;
  /** TOML of `[matrix]`. */
  readonly matrix?: string;
  /** TOML of other tables. */
  readonly config?: (rooms: { readonly room: string; readonly openRoom: string }) => string;
  /** Matrix ids of other trusted people, with their roles. */
  readonly users?: Readonly<Record<string, string>>;
  readonly synapse?: Parameters<typeof startSynapse>;
}

export async function startMatrixWorld(options: MatrixWorldOptions = {}): Promise<MatrixWorld> {
  const temp = tempDirectory();
  const synapse = await startSynapse(...(options.synapse ?? []));
  const bridgeId = await synapse.register("bridge", "secret");
  const annId = await synapse.register("ann", "secret");
  const ann = await startAccount({ directory: join(temp.path, "ann") });
  await ann.adapter.logIn(synapse.url, { kind: "password", username: "ann", password: "secret" });
  const person = await logInPerson(synapse, annId, "secret");
  const room = await person.createRoom({ encrypted: true, invite: [bridgeId] });
  const openRoom = await person.createRoom({ encrypted: false, invite: [bridgeId] });
  const config = join(temp.path, "config.toml");
  const directories = { runtime: join(temp.path, "r"), state: join(temp.path, "s") };
  const users = Object.entries({ [annId]: "operator", ...options.users });
  const homeserver = (await options.homeserver?.(synapse)) ?? synapse.url;
  writeFileSync(
    config,
    `[matrix]
     homeserver = "${homeserver}"
     rooms = ["${room}", "${openRoom}"]
     ${options.matrix ?? ""}
     [matrix.users]
     ${users.map(([id, role]) => `"${id}" = "${role}"`).join("\n")}
     ${options.config?.({ room, openRoom }) ?? ""}`,
  );
  const { engine = "process", start = [] } = options;
  let said = 0;
  return {
    synapse,
    ann,
    person,
    bridgeId,
    room,
    openRoom,
    path: temp.path,
    startBridge: (more = {}) =>
      startTestDaemon({
        engine,
        directories,
        start,
        env: { ARMORCLAW_TEST_VALIDATE: "1" },
        flags: ["--config", config, ...(more.flags ?? [])],
      }),
    async logIn({ client }) {
      await client.call("matrix.login", { username: "bridge", password: "secret" });
      await until("the bridge in both rooms, for both sides", async () => {
        const { rooms: seen } = await client.call("matrix.rooms", {});
        const known = await ann.adapter.rooms(AbortSignal.timeout(5000));
        return [room, openRoom].every((id) => {
          const own = seen.find(({ room_id, membership }) => room_id === id && membership === "join");
          return own !== undefined && known.find(({ roomId }) => roomId === id)?.members === own.members;
        });
      });
    },
    async say(roomId, body, more = {}, who = ann) {
      const outgoing = { roomId, type: "m.room.message", content: { msgtype: "m.text", body, ...more } };
      const transactionId = `said${++said}`;
      const send = () => who.adapter.send({ ...outgoing, transactionId }, AbortSignal.timeout(15_000));
      return (await until("the message", send)).eventId;
    },
    answerTo: (eventId) =>
      until("the answer", () => {
        const answer = ann.inbound.find(
          (one) => one.type === "matrix.message" && one.data.sender === bridgeId && one.data.thread_id === eventId,
        );
        return answer?.type === "matrix.message" && answer.data.body;
      }),
    async [Symbol.asyncDispose]() {
      await ann[Symbol.asyncDispose]();
      await synapse[Symbol.asyncDispose]();
      temp[Symbol.dispose]();
    },
  };
}

/** Returns the bodies of all messages that the bridge read, in order. */
export async function everythingHeard({ client }: TestDaemon): Promise<string[]> {
  const heard: string[] = [];
  for (let cursor = 0; ; ) {
    const page = await client.call("matrix.receive", { cursor, limit: 1000 });
    heard.push(...page.events.map(({ body }) => body));
    if (page.count === 0) return heard;
    cursor = page.cursor;
  }
}
