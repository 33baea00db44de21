import { mkdirSync } from "node:fs";
import { join } from "node:path";
import {
  type Inbound,
  MatrixAccount,
  matrixMigrations,
  type SecretStore,
} from "../../../bridge/adapters/matrix/index.ts";
import { matrixDestination, roomMessage } from "../../../bridge/adapters/matrix/rooms/destination.ts";
import { DurableEventLog } from "../../../bridge/events/durable-log.ts";
import { eventsMigrations } from "../../../bridge/events/migrations.ts";
import { type Logger, silentLogger } from "../../../bridge/logging/index.ts";
import { Outbox, outboxMigrations } from "../../../bridge/outbox/index.ts";
import { systemClock, timestamp } from "../../../bridge/platform/clock.ts";
import { Store } from "../../../bridge/store/index.ts";
import type { Synapse } from "./synapse.ts";

/** Secrets in memory, which outlive the adapter like the keystore's. */
export function memorySecrets(): SecretStore & { readonly values: Map<string, string> } {
  const values = new Map<string, string>();
  return {
    values,
    assertOpen: () => undefined,
    get: async (name) => values.get(name),
    put: async (name, value) => void values.set(name, value),
    delete: async (name) => void values.delete(name),
  };
}

export interface TestAccountOptions {
  readonly directory: string;
  readonly secrets?: SecretStore;
  readonly logger?: Logger;
  /** The trusted people and rooms. The default is all. */
  readonly rooms?: ReadonlySet<string>;
  readonly users?: ReadonlySet<string>;
}

/** An adapter on a store of its own. */
export interface TestAccount extends AsyncDisposable {
  readonly adapter: MatrixAccount;
  readonly events: DurableEventLog;
  readonly inbound: Inbound[];
  /** Queues a text in the durable outbox; the same key queues it once. */
  queue(roomId: string, key: string, text: string): Promise<void>;
  /** Returns how many messages wait in the outbox. */
  waiting(): number;
}

export async function startAccount({
  directory,
  secrets = memorySecrets(),
  logger = silentLogger,
  rooms,
  users,
}: TestAccountOptions): Promise<TestAccount> {
  mkdirSync(directory, { recursive: true });
  const clock = systemClock;
  const store = new Store(
    join(directory, "store.db"),
    [...eventsMigrations, ...outboxMigrations, ...matrixMigrations],
    timestamp(clock),
  );
  const retention = { retentionDays: 1, retentionBytes: 2 ** 26, volatileRetentionMinutes: 1, volatileBytes: 2 ** 20 };
  const events = new DurableEventLog({ store, clock, logger, retention });
  await events.start();
  const inbound: Inbound[] = [];
  const adapter = new MatrixAccount({
    store,
    events,
    secrets,
    clock,
    logger,
    directory: join(directory, "matrix"),
    pollMs: 30_000,
    backfillMax: 5000,
    lostAfterMs: 300_000,
    trust: {
      isTrustedRoom: (room) => rooms?.has(room) ?? true,
      roleOf: (user) => ((users?.has(user) ?? true) ? "operator" : undefined),
    },
    onInbound: (one) => inbound.push(one),
    onLive: () => outbox.reachable("matrix"),
    onLeft: () => undefined,
    onCall: () => undefined,
  });
  const outbox = new Outbox({ log: events, store, logger, random: Math.random }, [matrixDestination(adapter)]);
  await adapter.start();
  await outbox.start();
  return {
    adapter,
    events,
    inbound,
    async queue(roomId, key, text) {
      await store.write((sql) => outbox.queue(sql, roomMessage(roomId, key, { text, msgtype: "m.text" })));
      outbox.kick();
    },
    waiting: () => outbox.list("queued", 0, 10_000).length,
    async [Symbol.asyncDispose]() {
      await outbox.stop();
      await adapter.stop();
      await events.stop();
      store.close();
    },
  };
}

/** Returns the bodies of the received messages, in order. */
export const bodies = (inbound: readonly Inbound[]): string[] =>
  inbound.flatMap((one) => (one.type === "matrix.message" ? [one.data.body] : []));

/** A person's plain client: requests with an access token. */
export interface Person {
  readonly userId: string;
  readonly token: string;
  request(method: string, path: string, body?: object): Promise<Record<string, unknown>>;
  createRoom(options: { readonly encrypted: boolean; readonly invite: readonly string[] }): Promise<string>;
}

export async function logInPerson(synapse: Synapse, userId: string, password: string): Promise<Person> {
  const call = async (method: string, path: string, body?: object, token?: string) => {
    const answer = await fetch(`${synapse.url}/_matrix/client/v3/${path}`, {
      method,
      signal: AbortSignal.timeout(20_000),
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const json = (await answer.json()) as Record<string, unknown>;
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(json)}`);
    return json;
  };
  const identifier = { type: "m.id.user", user: userId };
  const login = await call("POST", "login", { type: "m.login.password", identifier, password });
  const token = String(login["access_token"]);
  const request = (method: string, path: string, body?: object) => call(method, path, body, token);
  return {
    userId,
    token,
    request,
    async createRoom({ encrypted, invite }) {
      const encryption = { type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } };
      const body = { preset: "private_chat", invite, initial_state: encrypted ? [encryption] : [] };
      return String((await request("POST", "createRoom", body))["room_id"]);
    },
  };
}
