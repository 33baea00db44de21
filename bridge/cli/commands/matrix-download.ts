import { type FileHandle, open, rm } from "node:fs/promises";
import { exitCodes } from "../core/exit-codes.ts";
import type { Runner } from "../core/invocation.ts";
import { UsageError } from "../core/usage-error.ts";
import { visible } from "../core/visible.ts";

/** `armorclaw matrix download ROOM_ID EVENT_ID --output FILE`. An existing file is not overwritten. */
export const run: Runner = async ({ positionals, values, connect, out }) => {
  const [roomId, eventId] = positionals;
  const path = values["output"];
  if (roomId === undefined || eventId === undefined || typeof path !== "string")
    throw new UsageError(
      "ROOM_ID, EVENT_ID and --output FILE are needed",
      "`armorclaw matrix receive --json` lists the ids",
    );
  const connection = await connect();
  const file = await newFile(path);
  let bytes = 0;
  try {
    for await (const item of connection.stream("matrix.download", { room_id: roomId, event_id: eventId })) {
      const content = Buffer.from((item as { content: string }).content, "base64");
      await file.writeFile(content);
      bytes += content.length;
    }
    await file.close();
  } catch (error) {
    await file.close();
    await rm(path, { force: true });
    throw error;
  }
  if (out.isJson) out.json({ path, size_bytes: bytes });
  else out.text(`${visible(path)}: ${bytes} bytes`);
  return exitCodes.ok;
};

async function newFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, "wx", 0o600);
  } catch (error) {
    const why = (error as { code?: unknown }).code === "EEXIST" ? "already exists" : "cannot be written";
    throw new UsageError(`${visible(path)} ${why}`, "Choose another file name");
  }
}
