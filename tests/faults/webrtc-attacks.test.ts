import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { WebSocket } from "ws";
import type { StartRequest, StoredCallRecord } from "../../bridge/adapters/webrtc/index.ts";
import { until } from "../support/until.ts";
import { type FarEnd, openFarEnd } from "../support/voice/voice.ts";
import { admin, plainCall, startVoiceBridge, type VoiceBridge } from "../support/voice/voice-bridge.ts";

interface Answer {
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly data: { readonly code: string } };
}

/** A caller that writes its own signaling. */
class Caller implements AsyncDisposable {
  readonly socket: WebSocket;
  readonly notices: { method: string; params: Record<string, unknown> }[] = [];
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #nextId = 1;
  closeCode: number | undefined;

  constructor(origin: string, headers: Record<string, string> = {}) {
    this.socket = new WebSocket(`${origin.replace("http", "ws")}/call/signaling`, "bridge.rtc.v1", { headers });
    this.socket.on("error", () => undefined);
    this.socket.on("close", (code) => {
      this.closeCode = code;
      for (const settle of this.#waiting.values()) settle({ error: { data: { code: "CLOSED" } } });
    });
    this.socket.on("message", (data) => {
      const message = JSON.parse(String(data));
      if (message.method === undefined) this.#waiting.get(message.id)?.(message);
      else this.notices.push(message);
    });
  }

  static async open(origin: string, headers?: Record<string, string>): Promise<Caller> {
    const caller = new Caller(origin, headers);
    await once(caller.socket, "open");
    return caller;
  }

  call(method: string, params: object): Promise<Answer> {
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    });
  }

  async codeOf(method: string, params: object): Promise<string | undefined> {
    return (await this.call(method, params)).error?.data.code;
  }

  async connect(far: FarEnd, more: object = {}): Promise<Answer> {
    const answer = await this.call("rtc.offer", { sdp: await far.offer(), ...more });
    if (answer.result !== undefined) await far.accept(String(answer.result["sdp"]));
    await until("candidates", async () => {
      const all = this.notices.flatMap(({ method, params }) =>
        method === "rtc.candidates" ? params["candidates"] : [],
      );
      for (const candidate of all as { candidate: string; sdpMid: null; sdpMLineIndex: null }[])
        await far.add(candidate);
      return all.length > 0 || answer.error !== undefined;
    });
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.terminate();
  }
}

describe("attacks on calls", () => {
  let bridge: VoiceBridge;
  beforeAll(async () => {
    bridge = await startVoiceBridge({
      mayCall: (principal, room) => principal !== "token:stranger" && room !== "!closed:x",
    });
  });
  afterAll(async () => {
    await bridge[Symbol.asyncDispose]();
  });

  const start = (plan: Partial<StartRequest> = {}) => bridge.calls.open(admin, { ...plainCall, ...plan });
  const recorded = (wanted: (record: StoredCallRecord) => boolean) =>
    until("the record", () => bridge.calls.records.read({ limit: 100 }).find(wanted));

  test("a person who is not in the room cannot call there, and the attempt is recorded", async () => {
    const stranger = { id: "token:stranger", role: "operator" } as const;
    await expect(bridge.calls.open(stranger, plainCall)).rejects.toMatchObject({ code: "FORBIDDEN" });
    await recorded(({ event, principal }) => event === "session.denied" && principal === "token:stranger");
  });

  test("a missing, forged or truncated token is refused, and the connection ends", async () => {
    const { token } = await start();
    const [version, claims = "", signature = ""] = token.split(".");
    const other = JSON.parse(Buffer.from(claims, "base64url").toString());
    const forged = Buffer.from(JSON.stringify({ ...other, expiresAtMs: other.expiresAtMs + 1 })).toString("base64url");
    for (const bad of ["", "v1", token.slice(0, -2), `${version}.${forged}.${signature}`, `${version}.${claims}.`]) {
      await using caller = await Caller.open(bridge.origin);
      expect(await caller.codeOf("rtc.hello", { token: bad })).toBe("CALL_TOKEN_REFUSED");
      await until("the end", () => caller.closeCode === 4401);
    }
    await using silent = await Caller.open(bridge.origin);
    expect(await silent.codeOf("rtc.offer", { sdp: "v=0" })).toBe("INVALID_REQUEST");
    await recorded(({ event, detail }) => event === "token.refused" && detail["fault"] === "forged");
  });

  test("a token that was used, has expired, or is for another use or session is refused and recorded", async () => {
    const { token, session } = await start();
    await using first = await Caller.open(bridge.origin);
    const hello = await first.call("rtc.hello", { token });
    expect(hello.result?.["session_id"]).toBe(session.id);
    const refused = async (params: object, fault: string) => {
      await using caller = await Caller.open(bridge.origin);
      expect(await caller.codeOf("rtc.hello", params)).toBe("CALL_TOKEN_REFUSED");
      await recorded(({ event, detail }) => event === "token.refused" && detail["fault"] === fault);
    };
    await refused({ token }, "replayed");
    await refused({ token: hello.result?.["resume_token"] }, "another_use");
    const late = await start({ tokenTtlMs: 1 });
    await until("its end", () => late.session.hasEnded);
    await refused({ token: late.token }, "expired");
    expect(late.session.endReason).toBe("token_expired");
    bridge.calls.end(session, "hang_up");
    await refused({ resume_token: hello.result?.["resume_token"] }, "expired");
  });

  test("a token opens only its own session: no message can name another", async () => {
    const [mine, theirs] = [await start(), await start({ roomId: "!other:example.org" })];
    await using caller = await Caller.open(bridge.origin);
    await using victim = await Caller.open(bridge.origin);
    await caller.call("rtc.hello", { token: mine.token });
    await victim.call("rtc.hello", { token: theirs.token });
    const candidate = { candidate: "candidate:1 1 udp 1 203.0.113.9 50000 typ host" };
    const named = { session_id: theirs.session.id, candidates: [candidate] };
    expect(await caller.codeOf("rtc.candidates", named)).toBe("INVALID_PARAMS");
    expect(await caller.codeOf("rtc.end", { session_id: theirs.session.id })).toBe("INVALID_PARAMS");
    expect(await caller.codeOf("rtc.hello", { token: theirs.token })).toBe("INVALID_REQUEST");
    await caller.call("rtc.end", {});
    await until("the end of the caller's own", () => mine.session.hasEnded);
    expect(theirs.session.hasEnded).toBe(false);
    expect(victim.notices).toEqual([]);
    const viewer = { id: "token:other", role: "operator" } as const;
    expect(() => bridge.calls.get(theirs.session.id, viewer)).toThrow(/no call/);
  });

  test("a fingerprint that was replaced in transit never connects", async () => {
    const { token, session } = await start();
    await using caller = await Caller.open(bridge.origin);
    await using far = await openFarEnd();
    await caller.call("rtc.hello", { token });
    const offer = await far.offer();
    const [, first = ""] = /a=fingerprint:sha-256 (..)/.exec(offer) ?? [];
    const swapped = offer.replaceAll(`sha-256 ${first}`, `sha-256 ${first === "AA" ? "AB" : "AA"}`);
    await caller.connect(far, { sdp: swapped });
    await until("the failure", () => session.hasEnded);
    expect(session.endReason).toBe("ice_failed");
    expect(session.durationMs).toBe(0);
  });

  test("another peer's offer in a call that has one is refused", async () => {
    const { token, session } = await start();
    await using caller = await Caller.open(bridge.origin);
    await using far = await openFarEnd();
    await using intruder = await openFarEnd();
    await caller.call("rtc.hello", { token });
    await caller.connect(far);
    await until("the connection", () => session.state === "active");
    const other = (await intruder.offer()).replace(/(a=fingerprint:sha-256 )../g, "$1AC");
    expect(await caller.codeOf("rtc.offer", { sdp: other })).toBe("CALL_OFFER_REFUSED");
    await recorded(({ event, detail }) => event === "offer.refused" && detail["why"] === "fingerprint");
    expect(session.state).toBe("active");
  });

  test("candidates of any shape are ignored or refused, and the call still connects", async () => {
    const { token, session } = await start();
    await using caller = await Caller.open(bridge.origin);
    await using far = await openFarEnd();
    await caller.call("rtc.hello", { token });
    await caller.connect(far);
    const shapes = [
      "",
      "x".repeat(500),
      "candidate:1 1 udp 1 127.0.0.1 22 typ host",
      "candidate:1 1 udp 1 a.local 5 typ host",
    ];
    for (const candidate of shapes) {
      const answer = await caller.call("rtc.candidates", { candidates: [{ candidate }] });
      expect(answer.result?.["taken"]).toBe(0);
    }
    expect(await caller.codeOf("rtc.candidates", { candidates: [{ candidate: "x".repeat(5_000) }] })).toBe(
      "INVALID_PARAMS",
    );
    expect(await caller.codeOf("rtc.candidates", { candidates: Array(65).fill({ candidate: "" }) })).toBe(
      "INVALID_PARAMS",
    );
    await until("the connection", () => session.state === "active");
    await recorded(({ event, sessionId }) => event === "candidate.refused" && sessionId === session.id);
  });

  test("a flood is cut off and makes one record", async () => {
    const { token, session } = await start();
    await using caller = await Caller.open(bridge.origin);
    await caller.call("rtc.hello", { token });
    for (let at = 0; at < 500; at += 1) caller.socket.send("{}");
    await until("the end", () => caller.closeCode === 4429);
    await recorded(({ event, sessionId }) => event === "limit.reached" && sessionId === session.id);
    await using large = await Caller.open(bridge.origin);
    large.socket.send("x".repeat(100_000));
    await until("the end", () => large.closeCode === 1009 || large.closeCode === 1006);
  });

  test("a page of another origin, another path and another protocol are refused", async () => {
    const status = async (path: string, protocol: string, headers: Record<string, string> = {}) => {
      const socket = new WebSocket(`${bridge.origin.replace("http", "ws")}${path}`, protocol, { headers });
      socket.on("error", () => undefined);
      const [, response] = await once(socket, "unexpected-response");
      socket.terminate();
      return response.statusCode;
    };
    expect(await status("/call/signaling", "bridge.rtc.v1", { origin: "https://evil.example" })).toBe(403);
    expect(await status("/call/signaling", "bridge.rtc.v1", { origin: "null" })).toBe(403);
    expect(await status("/call/signaling", "other")).toBe(400);
    expect(await status("/call/elsewhere", "bridge.rtc.v1")).toBe(400);
    await recorded(({ event, detail }) => event === "signaling.refused" && detail["why"] === "origin");
    await using own = await Caller.open(bridge.origin, { origin: bridge.origin });
    expect(own.socket.readyState).toBe(WebSocket.OPEN);
  });

  test("only the page's files are served, whatever path is requested", async () => {
    for (const path of ["/call/../../../etc/passwd", "/call/%2e%2e/webrtc.ts", "/call/call.mjs/x", "/call/__proto__"]) {
      expect((await fetch(bridge.origin + path)).status).toBe(404);
    }
    const page = await fetch(`${bridge.origin}/call/`);
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect((await fetch(`${bridge.origin}/call/`, { method: "POST" })).status).toBe(405);
  });

  test("the records of many refusals are bounded", async () => {
    for (let at = 0; at < 300; at += 1)
      expect(() => bridge.calls.credentials.redeem("v1.x.y", "join", () => undefined)).toThrow();
    const recent = await until("the bound", () => {
      const records = bridge.calls.records.read({ limit: 500 });
      return records.some(({ detail }) => detail["limit"] === "refusals_per_minute") ? records : undefined;
    });
    expect(recent.filter(({ event }) => event === "token.refused").length).toBeLessThanOrEqual(240);
  });
});
