import { join } from "node:path";
import type { AgentId, Principal } from "@armorclaw/protocol";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { tempDirectory } from "../../tests/support/temp.ts";
import { Store } from "../store/index.ts";
import { ApiTokens, tokenMigrations } from "./api-tokens.ts";

const admin: Principal = { kind: "user", id: "user:0", uid: 0, role: "admin" };
const here = "10.1.2.3";
const hourMs = 3_600_000;
const open = { role: "admin", methods: undefined, channels: undefined, agents: undefined } as const;
const unlimited = { ...open, addresses: undefined, expiresAt: undefined };
const agent = (id: string) => id as AgentId;

describe("a token that a token creates", () => {
  let disposables: DisposableStack;
  let tokens: ApiTokens;
  beforeEach(() => {
    disposables = new DisposableStack();
    const directory = disposables.use(tempDirectory());
    const store = new Store(join(directory.path, "t.db"), tokenMigrations, "2026-01-01T00:00:00Z");
    disposables.use(store);
    tokens = new ApiTokens(store, { now: () => 1_000 });
  });
  afterEach(() => disposables.dispose());

  type Wanted = Parameters<ApiTokens["create"]>[0];
  const principalOf = async (wanted: Partial<Wanted> & { name: string }, creator: Principal): Promise<Principal> => {
    const { token } = await tokens.create({ ...unlimited, ...wanted }, creator);
    const principal = tokens.verify(token, here);
    if (principal === undefined) throw new Error("The token is not valid");
    return principal;
  };
  const parentOf = (limits: Partial<Wanted>) => principalOf({ name: "parent", ...limits }, admin);

  test("inherits each limit of its creator, and does not outlive it", async () => {
    const limits = {
      methods: ["token.*", "agent.list"],
      channels: ["project.>"],
      agents: [agent("heartbeat-1")],
      addresses: ["10.0.0.0/8"],
      expiresAt: hourMs,
    };
    const parent = await parentOf(limits);
    await principalOf({ name: "child", expiresAt: 365 * 24 * hourMs }, parent);
    expect(tokens.list().find(({ name }) => name === "child")).toMatchObject({ ...limits, createdBy: "token:parent" });
  });

  test("that a JWT created expires with the JWT", async () => {
    const jwt: Principal = { kind: "token", id: "token:jwt-ann", role: "admin", expiresAtMs: 10_000 };
    expect(await principalOf({ name: "child", expiresAt: hourMs }, jwt)).toMatchObject({ expiresAtMs: 10_000 });
  });

  test.each<[string, Partial<Wanted>, Partial<Wanted>]>([
    ["methods", { methods: ["token.*"] }, { methods: ["agent.stop"] }],
    ["all methods of a domain", { methods: ["token.create", "agent.list"] }, { methods: ["agent.*"] }],
    ["channels", { channels: ["project.a.>"] }, { channels: ["project.>"] }],
    ["channels of all", { channels: ["project.*"] }, { channels: [">"] }],
    ["channels, where the creator has agents", { agents: [agent("a-1")] }, { channels: ["project.>"] }],
    ["agents", { agents: [agent("a-1")] }, { agents: [agent("b-1")] }],
    ["a wider network", { addresses: ["10.0.0.0/16"] }, { addresses: ["10.0.0.0/8"] }],
    ["another address", { addresses: ["10.0.0.0/8"] }, { addresses: ["192.168.0.1"] }],
    ["an address of the other family", { addresses: ["10.0.0.0/8"] }, { addresses: ["::/0"] }],
  ])("cannot have %s that its creator does not have", async (_, limits, wanted) => {
    const parent: Principal = await parentOf({ ...limits, addresses: ["10.0.0.0/8"], ...limits }).catch(() => ({
      kind: "token",
      id: "token:parent",
      role: "admin",
    }));
    await expect(tokens.create({ ...unlimited, name: "child", ...wanted }, parent)).rejects.toMatchObject({
      code: "FORBIDDEN",
    });
  });

  test("may narrow each limit", async () => {
    const parent = await parentOf({ methods: ["token.*"], channels: ["project.>"], addresses: ["10.0.0.0/8"] });
    const narrow = { methods: ["token.list"], channels: ["project.a"], addresses: ["10.1.2.0/24"] };
    expect(await principalOf({ name: "child", ...narrow }, parent)).toMatchObject({
      methods: ["token.list"],
      channels: ["project.a"],
    });
  });

  test("is revoked with its creator, through all generations", async () => {
    const parent = await parentOf({});
    const child = await principalOf({ name: "child" }, parent);
    await principalOf({ name: "grandchild" }, child);
    await principalOf({ name: "other" }, admin);
    expect(await tokens.revoke("parent")).toEqual(["parent", "child", "grandchild"]);
    expect(tokens.list().map(({ name }) => name)).toEqual(["other"]);
    await expect(tokens.create({ ...unlimited, name: "late" }, child)).rejects.toMatchObject({
      code: "UNAUTHENTICATED",
    });
  });
});
