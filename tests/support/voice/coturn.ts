import { spawn } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { tempDirectory } from "../temp.ts";
import { until } from "../until.ts";

export const hasCoturn = existsSync("/usr/bin/turnserver");
export const turnSecret = "shared between the bridge and its relay";

/** Starts a real coturn that shares the bridge's secret. */
export async function startCoturn(address = "127.0.0.1"): Promise<{ readonly url: string } & AsyncDisposable> {
  const temp = tempDirectory();
  const port = await freePort(address);
  const child = spawn("turnserver", [
    "-n",
    `--listening-ip=${address}`,
    `--relay-ip=${address}`,
    `--listening-port=${port}`,
    "--use-auth-secret",
    `--static-auth-secret=${turnSecret}`,
    "--realm=bridge.test",
    "--no-tls",
    "--no-dtls",
    "--no-cli",
    "--allow-loopback-peers",
    "--min-port=49200",
    "--max-port=49400",

    "--log-file=stdout",
    "--simple-log",
    `--pidfile=${join(temp.path, "pid")}`,
    `--userdb=${join(temp.path, "db")}`,
  ]);
  child.stdout.resume();
  child.stderr.resume();
  const closed = once(child, "close");
  await until("coturn's answer", () => answersBinding(address, port));
  return {
    url: `turn:${address}:${port}?transport=udp`,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await closed;
      temp[Symbol.dispose]();
    },
  };
}

/** Its log is buffered, so the start is detected by the answer to a STUN Binding request. */
async function answersBinding(address: string, port: number): Promise<boolean> {
  const socket = createSocket("udp4");
  const request = Buffer.alloc(20);
  request.writeUInt16BE(0x0001, 0);
  request.writeUInt32BE(0x2112a442, 4);
  randomFillSync(request, 8);
  const answered = once(socket, "message", { signal: AbortSignal.timeout(300) });
  socket.send(request, port, address);
  try {
    await answered;
    return true;
  } catch {
    return false;
  } finally {
    socket.close();
  }
}

async function freePort(address: string): Promise<number> {
  const socket = createSocket("udp4").bind(0, address);
  await once(socket, "listening");
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}
