import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startTestDaemon, type TestDaemon } from "./daemon.ts";
import { logInPerson, type Person, startAccount, type TestAccount } from "./matrix.ts";
import { type Synapse, startSynapse } from "./synapse.ts";
import { tempDirectory } from "./temp.ts";
import { until } from "./until.ts";

/** A homeserver, a person with a client that encrypts, an encrypted room, and bridges that may be started on one state. */
export interface MatrixWorld extends AsyncDisposable {
  readonly synapse: Synapse;
  readonly ann: TestAccount;
  readonly person: Person;
  readonly bridgeId: string;
  readonly room: string;
  /** The real program. Each begins where the one before ended. */
  startBridge(): Promise<TestDaemon>;
  /** For the first of them. */
  logIn(bridge: TestDaemon): Promise<void>;
}

export async function startMatrixWorld(): Promise<MatrixWorld> {
  const temp = tempDirectory();
  const synapse = await startSynapse();
  const bridgeId = await synapse.register("bridge", "secret");
  const annId = await synapse.register("ann", "secret");
  const ann = await startAccount({ directory: join(temp.path, "ann") });
  await ann.adapter.logIn(synapse.url, { kind: "password", username: "ann", password: "secret" });
  const person = await logInPerson(synapse, annId, "secret");
  const room = await person.createRoom({ encrypted: true, invite: [bridgeId] });
  const config = join(temp.path, "config.toml");
  const directories = { runtime: join(temp.path, "r"), state: join(temp.path, "s") };
  writeFileSync(
    config,
    `[matrix]\nhomeserver = "${synapse.url}"\nrooms = ["${room}"]\n[matrix.users]\n"${annId}" = "operator"\n`,
  );
  return {
    ...{ synapse, ann, person, bridgeId, room },
    startBridge: () => startTestDaemon({ engine: "process", directories, flags: ["--config", config] }),
    async logIn({ client }) {
      await client.call("matrix.login", { username: "bridge", password: "secret" });
      await until("the bridge in the room", async () => {
        const [only] = await ann.adapter.rooms(AbortSignal.timeout(5000));
        return only?.members === 2;
      });
    },
    async [Symbol.asyncDispose]() {
      await ann[Symbol.asyncDispose]();
      await synapse[Symbol.asyncDispose]();
      temp[Symbol.dispose]();
    },
  };
}
