import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { programText } from "./peer-credentials.ts";

test("only Node's own code is released: executable, read-only, mapped from its file", () => {
  const maps = [
    "00400000-00b00000 r--p 00000000 fe:00 11 /opt/node/bin/node",
    "00c00000-02f00000 r-xp 00700000 fe:00 11 /opt/node/bin/node",
    "04000000-04100000 rw-p 02a00000 fe:00 11 /opt/node/bin/node",
    "05000000-05100000 r-xp 00000000 00:00 0 ",
    "06000000-06100000 r-xp 00000000 fe:00 12 /lib/libc.so.6",
    "07000000-07100000 r-xp 00000000 fe:00 13 /opt/node/bin/node-other",
  ].join("\n");
  expect(programText(maps, "/opt/node/bin/node")).toEqual([{ start: 0xc00000, end: 0x2f00000 }]);
});

test("a process that has released its memory is smaller, and still works", async () => {
  const script = `
    const { loadNativeCalls } = await import(${JSON.stringify(new URL("peer-credentials.ts", import.meta.url).href)});
    const native = loadNativeCalls();
    const before = process.memoryUsage.rss();
    native?.releaseFreeMemory();
    const after = process.memoryUsage.rss();
    const works = JSON.stringify([...new Map([[1, "a".repeat(3)]])]) === '[[1,"aaa"]]';
    process.stdout.write(JSON.stringify({ before, after, works }));`;
  const flags = ["--conditions=armorclaw-source", "--no-warnings", "--input-type=module", "-e", script];
  const child = spawn(process.execPath, flags, { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  await once(child, "close");
  const { before, after, works } = JSON.parse(text) as { before: number; after: number; works: boolean };
  expect({ isSmaller: after < before - 10_000_000, works }).toEqual({ isSmaller: true, works: true });
  expect(readFileSync("/proc/self/maps", "utf8")).toContain(process.execPath);
});
