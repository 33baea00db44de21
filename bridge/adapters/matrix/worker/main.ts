// The thread that holds one account. Whatever goes wrong in it ends it, and the bridge starts it again.
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import type {
  CallMessage,
  CallName,
  InboundEvent,
  WorkerCalls,
  WorkerMessage,
  WorkerOptions,
} from "../protocol/worker-protocol.ts";
import { DeviceClient } from "./device-client.ts";
import { download } from "./download.ts";
import { identityStatus, secureAccount } from "./identity.ts";
import { isMember } from "./members.ts";
import { sdkFailure } from "./sdk-failure.ts";

type Answers = {
  readonly [C in CallName]: (
    params: WorkerCalls[C]["params"],
  ) => WorkerCalls[C]["result"] | Promise<WorkerCalls[C]["result"]>;
};

if (isMainThread || parentPort === null) throw new Error("worker.ts runs in a worker thread");
const port = parentPort;
const say = (message: WorkerMessage): void => port.postMessage(message);
const account = workerData as WorkerOptions;
captureConsole();

/** Events that the bridge has not answered for yet. */
const unanswered = new Map<string, (isStored: boolean) => void>();
const opening = DeviceClient.open(account, { say, deliver });

function deliver(event: InboundEvent): Promise<void> {
  return new Promise((resolve, reject) => {
    unanswered.set(event.eventId, (isStored) =>
      isStored ? resolve() : reject(new Error("the event could not be stored")),
    );
    say({ kind: "inbound", event });
  });
}

const answers: Answers = {
  send: async (outgoing) => (await opening).sender.send(outgoing),
  upload: async (upload) => (await opening).sender.upload(upload),
  download: async (wanted) => download((await opening).client, wanted),
  rooms: async () => (await opening).rooms(),
  join: async ({ room }) => ({ roomId: (await (await opening).client.joinRoom(room)).roomId }),
  isMember: async ({ roomId, userId }) => isMember((await opening).client, roomId, userId),
  secure: async ({ password }) => secureAccount((await opening).client, account.recoveryKey, password),
  identity: async () => identityStatus((await opening).client, account.recoveryKey),
  verify: async ({ userId }) => (await opening).verifications.begin(userId),
  compare: async ({ flowId, isEqual }) => (await opening).verifications.compare(flowId, isEqual),
  stored: ({ eventId, isStored }) => {
    unanswered.get(eventId)?.(isStored);
    unanswered.delete(eventId);
    return null;
  },
};

async function answer({ id, call, params }: CallMessage): Promise<void> {
  try {
    const handler = answers[call] as (params: unknown) => unknown;
    say({ kind: "answer", id, result: await handler(params) });
  } catch (error) {
    say({ kind: "answer", id, failure: sdkFailure(error) });
  }
}

/** The SDK and its parts write to the console, in several ways: all of it goes to the bridge's log. */
function captureConsole(): void {
  for (const level of ["debug", "info", "warn", "error"] as const) console[level] = (...args) => log(level, args);
  console.log = (...args) => log("debug", args);
  console.trace = (...args) => log("debug", args);
}

function log(level: "debug" | "info" | "warn" | "error", args: readonly unknown[]): void {
  const message = args.map((arg) => (arg instanceof Error ? `${arg.name}: ${arg.message}` : String(arg))).join(" ");
  say({ kind: "log", level, message: message.slice(0, 2000) });
}

port.on("message", (message: CallMessage) => void answer(message));
await opening;
