import type { MatrixClient, MatrixEvent } from "matrix-js-sdk";
import * as z from "zod";
import { EncryptedFile } from "../protocol/encrypted-file.ts";
import type { Download, Downloaded } from "../protocol/worker-protocol.ts";
import { decryptAttachment } from "./attachment.ts";
import { NotReady, Refused } from "./sdk-failure.ts";

const deadlineMs = 60_000;

const FileContent = z.object({
  body: z.string().catch("file"),
  filename: z.string().optional().catch(undefined),
  url: z.string().optional(),
  file: EncryptedFile.optional(),
  info: z.object({ mimetype: z.string().optional().catch(undefined) }).catch({}),
});

/**
 * Downloads the file of a room's event, and decrypts it if it is encrypted.
 * @throws NotReady, Refused, or what the SDK throws
 */
export async function download(client: MatrixClient, { roomId, eventId, bytesMax }: Download): Promise<Downloaded> {
  const event = await findEvent(client, roomId, eventId);
  if (event.isDecryptionFailure()) throw new NotReady(`the key of ${eventId} has not arrived`);
  const content = FileContent.safeParse(event.getContent());
  const uri = content.data?.file?.url ?? content.data?.url;
  if (!content.success || uri === undefined) throw new Refused(`${eventId} has no file`);
  const { body, filename, file, info } = content.data;
  const bytes = await fetchMedia(client, uri, bytesMax);
  return {
    sender: event.getSender() ?? "",
    name: filename ?? body,
    mimetype: info.mimetype ?? "application/octet-stream",
    bytes: file === undefined ? bytes : decryptAttachment(bytes, file),
  };
}

async function findEvent(client: MatrixClient, roomId: string, eventId: string): Promise<MatrixEvent> {
  const room = client.getRoom(roomId);
  if (room === null) throw new NotReady("the room is not synced");
  const known = room.findEventById(eventId);
  const event = known ?? client.getEventMapper({ decrypt: false })(await client.fetchRoomEvent(roomId, eventId));
  await client.decryptEventIfNeeded(event);
  return event;
}

/** Reads at most `bytesMax`, whatever size the homeserver claims. */
async function fetchMedia(client: MatrixClient, uri: string, bytesMax: number): Promise<Buffer> {
  const url = client.mxcUrlToHttp(uri, undefined, undefined, undefined, false, false, true);
  if (url === null || url === "") throw new Refused(`${uri.slice(0, 100)} is not the address of a homeserver's file`);
  const answer = await fetch(url, {
    headers: { authorization: `Bearer ${client.getAccessToken()}` },
    redirect: "error",
    signal: AbortSignal.timeout(deadlineMs),
  });
  if (!answer.ok) {
    await answer.body?.cancel();
    const reason = `the homeserver answered ${answer.status} to the request for the file`;
    throw answer.status >= 500 || answer.status === 429 ? new NotReady(reason) : new Refused(reason);
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer.body ?? []) {
    length += chunk.length;
    // Leaving the loop ends the request.
    if (length > bytesMax) throw new Refused(`the file has more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
