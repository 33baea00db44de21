// The program of the thread that holds one account. Whatever goes wrong in it ends it, and the bridge starts it again.
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { postNotice, serveWorker, type WorkerHandlers } from "../../../platform/worker-rpc.ts";
import type {
  InboundEvent,
  WorkerFailure,
  WorkerMethods,
  WorkerNotice,
  WorkerOptions,
} from "../protocol/worker-protocol.ts";
import { DeviceClient } from "./device-client.ts";
import { download } from "./download.ts";
import { identityStatus, secureAccount } from "./identity.ts";
import { isMember } from "./members.ts";
import { sdkFailure } from "./sdk-failure.ts";

if (isMainThread || parentPort === null) throw new Error("worker/main.ts runs in a worker thread");
const port = parentPort;
const notify = (notice: WorkerNotice): void => postNotice(port, notice);
const options = workerData as WorkerOptions;
captureConsole();

/** Events whose storing the bridge has not confirmed yet. */
const unconfirmed = new Map<string, (isStored: boolean) => void>();
const opening = DeviceClient.open(options, { notify, deliver });

function deliver(event: InboundEvent): Promise<void> {
  return new Promise((resolve, reject) => {
    unconfirmed.set(event.eventId, (isStored) =>
      isStored ? resolve() : reject(new Error("the event could not be stored")),
    );
    notify({ kind: "inbound", event });
  });
}

const handlers: WorkerHandlers<WorkerMethods> = {
  send: async (outgoing) => (await opening).sender.send(outgoing),
  upload: async (upload) => (await opening).sender.upload(upload),
  download: async (wanted) => download((await opening).client, wanted),
  rooms: async () => (await opening).rooms(),
  join: async ({ room, isEncrypted }) => ({ roomId: await (await opening).join(room, isEncrypted === true) }),
  isMember: async ({ roomId, userId }) => isMember((await opening).client, roomId, userId),
  secure: async ({ password }) => secureAccount((await opening).client, options.recoveryKey, password),
  identity: async () => identityStatus((await opening).client, options.recoveryKey),
  verify: async ({ userId }) => (await opening).verifications.begin(userId),
  compare: async ({ flowId, isEqual }) => (await opening).verifications.compare(flowId, isEqual),
  stored: ({ eventId, isStored }) => {
    unconfirmed.get(eventId)?.(isStored);
    unconfirmed.delete(eventId);
    return null;
  },
};

/** The SDK and its parts write to the console in several ways. All of it goes to the bridge's log. */
function captureConsole(): void {
  for (const level of ["debug", "info", "warn", "error"] as const) console[level] = (...args) => log(level, args);
  console.log = (...args) => log("debug", args);
  console.trace = (...args) => log("debug", args);
}

function log(level: "debug" | "info" | "warn" | "error", args: readonly unknown[]): void {
  const message = args.map((arg) => (arg instanceof Error ? `${arg.name}: ${arg.message}` : String(arg))).join(" ");
  notify({ kind: "log", level, message: message.slice(0, 2000) });
}

serveWorker<WorkerMethods, never, WorkerFailure>(port, { handlers, failureOf: sdkFailure });
await opening;
