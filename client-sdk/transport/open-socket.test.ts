import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { tempDirectory } from "../../tests/support/temp.ts";
import { openSocket } from "./open-socket.ts";

test("a connection to a bridge with a full backlog is retried until it is accepted", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "busy.sock");
  const script =
    "require('node:net').createServer().listen({ path: process.argv[1], backlog: 1 }, () => console.log('up'))";
  const server = spawn(process.execPath, ["-e", script, path], { stdio: ["ignore", "pipe", "inherit"] });
  const opened: Socket[] = [];
  try {
    await once(server.stdout, "data");
    server.kill("SIGSTOP");
    const open = () => openSocket(path, AbortSignal.timeout(300)).then((socket) => opened.push(socket));
    const first = await Promise.allSettled(Array.from({ length: 10 }, open));
    expect(first.filter(({ status }) => status === "rejected").length).toBeGreaterThan(0);
    const waiting = openSocket(path, AbortSignal.timeout(10_000));
    server.kill("SIGCONT");
    opened.push(await waiting);
  } finally {
    for (const socket of opened) socket.destroy();
    server.kill("SIGKILL");
    await once(server, "close");
  }
});
