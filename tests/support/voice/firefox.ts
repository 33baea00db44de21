import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import WebSocket from "ws";
import { tempDirectory } from "../temp.ts";
import { until } from "../until.ts";

const executablePath = "/usr/bin/firefox-esr";

export const hasFirefox = existsSync(executablePath);

export interface FirefoxPage {
  goto(url: string): Promise<void>;
  /** Evaluates an expression in the page, as if a person had just clicked; a promise is awaited. The value is passed as JSON. */
  evaluate(expression: string): Promise<unknown>;
}

export interface Firefox extends AsyncDisposable {
  newPage(): Promise<FirefoxPage>;
}

const commandDeadlineMs = 20_000;

/** Preferences for a fake microphone with a tone, and without requests to Mozilla. */
const preferences = (microphoneHertz: number) => ({
  "media.navigator.streams.fake": true,
  "media.navigator.audio.fake_frequency": microphoneHertz,
  "media.navigator.permission.disabled": true,
  "media.autoplay.default": 0,
  "media.autoplay.blocking_policy": 0,
  "app.update.disabledForTesting": true,
  "datareporting.policy.dataSubmissionEnabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "browser.safebrowsing.update.enabled": false,
  "services.settings.server": "data:,",
  "extensions.update.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "browser.startup.homepage_override.mstone": "ignore",
});

/** Starts a real Firefox without a window or a sound card, controlled by WebDriver BiDi. */
export async function startFirefox(microphoneHertz: number): Promise<Firefox> {
  const profile = tempDirectory();
  const lines = Object.entries(preferences(microphoneHertz)).map(
    ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`,
  );
  writeFileSync(join(profile.path, "user.js"), lines.join("\n"));
  const child = spawn(
    executablePath,
    ["--headless", "--no-remote", "--profile", profile.path, "--remote-debugging-port", "0", "about:blank"],
    {
      // As root its content processes cannot sandbox themselves.
      env: {
        PATH: process.env["PATH"],
        HOME: profile.path,
        MOZ_DISABLE_CONTENT_SANDBOX: "1",
        MOZ_CRASHREPORTER_DISABLE: "1",
      },
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  const end = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "close");
    }
    profile[Symbol.dispose]();
  };
  try {
    const session = await openSession(await listeningAt(child));
    return {
      newPage: () => newPage(session),
      async [Symbol.asyncDispose]() {
        session.close();
        await end();
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

async function listeningAt(child: ChildProcess): Promise<string> {
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-65_536);
  });
  return await until(
    "Firefox's WebDriver BiDi",
    () => {
      if (child.exitCode !== null) throw new Error(`Firefox ended: ${said}`);
      return /WebDriver BiDi listening on (ws:\S+)/.exec(said)?.[1];
    },
    60_000,
  );
}

interface Session {
  command(method: string, params: object): Promise<Record<string, unknown>>;
  close(): void;
}

async function openSession(address: string): Promise<Session> {
  const socket = new WebSocket(`${address}/session`);
  await once(socket, "open", { signal: AbortSignal.timeout(commandDeadlineMs) });
  const waiting = new Map<number, (answer: Record<string, unknown>) => void>();
  let lastId = 0;
  socket.on("message", (data: Buffer) => {
    const answer = JSON.parse(data.toString()) as Record<string, unknown>;
    waiting.get(Number(answer["id"]))?.(answer);
    waiting.delete(Number(answer["id"]));
  });
  // An error is always followed by `close`, and waiting calls then reach their deadline.
  socket.on("error", () => undefined);
  const command = async (method: string, params: object) => {
    const id = ++lastId;
    const answered = new Promise<Record<string, unknown>>((resolve, reject) => {
      waiting.set(id, resolve);
      AbortSignal.timeout(commandDeadlineMs).addEventListener("abort", () => {
        if (waiting.delete(id)) reject(new Error(`Firefox did not answer ${method}`));
      });
    });
    socket.send(JSON.stringify({ id, method, params }));
    const answer = await answered;
    if (answer["type"] === "error") throw new Error(`${method}: ${String(answer["message"])}`);
    return answer["result"] as Record<string, unknown>;
  };
  await command("session.new", { capabilities: {} });
  return { command, close: () => socket.terminate() };
}

async function newPage({ command }: Session): Promise<FirefoxPage> {
  const { context } = await command("browsingContext.create", { type: "tab" });
  return {
    async goto(url) {
      await command("browsingContext.navigate", { context, url, wait: "complete" });
    },
    async evaluate(expression) {
      const { result, exceptionDetails } = await command("script.evaluate", {
        expression: `Promise.resolve(${expression}).then((value) => JSON.stringify(value))`,
        target: { context },
        awaitPromise: true,
        userActivation: true,
      });
      if (exceptionDetails !== undefined) throw new Error((exceptionDetails as { text: string }).text);
      const { value } = result as { value?: string };
      return value === undefined ? undefined : JSON.parse(value);
    },
  };
}

/** Returns the audio that the page receives within a time, at 48 kHz. Without a sound card an AudioContext does not run, so the audio is recorded and decoded. */
export async function recordFromBridge(page: FirefoxPage, ms: number): Promise<Int16Array<ArrayBuffer>> {
  const text = await page.evaluate(`(async () => {
    const [{ track }] = bridgeCall.connection.getReceivers();
    const recorder = new MediaRecorder(new MediaStream([track]), { mimeType: "audio/ogg" });
    const recorded = new Promise((resolve) => { recorder.ondataavailable = ({ data }) => resolve(data.arrayBuffer()); });
    recorder.start();
    setTimeout(() => recorder.stop(), ${ms});
    const decoded = await new OfflineAudioContext(1, 48000, 48000).decodeAudioData(await recorded);
    return Array.from(decoded.getChannelData(0), (sample) => Math.round(sample * 32767)).join();
  })()`);
  return Int16Array.from(String(text).split(","), Number);
}
