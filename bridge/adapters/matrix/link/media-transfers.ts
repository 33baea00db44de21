import type { Download, Downloaded, Upload, Uploaded } from "../protocol/worker-protocol.ts";
import type { WorkerClient } from "./worker-client.ts";

/** Uploads and downloads the files of rooms. */
export class MediaTransfers {
  readonly #link: () => WorkerClient;
  readonly #currentRoom: (roomId: string) => string;

  /**
   * @param link throws while there is no link
   * @param currentRoom the homeserver's id of a configured room
   */
  constructor(link: () => WorkerClient, currentRoom: (roomId: string) => string) {
    this.#link = link;
    this.#currentRoom = currentRoom;
  }

  /** Uploads a file that an event of the room can refer to. It is encrypted when the room is. */
  async upload(upload: Upload, signal: AbortSignal): Promise<Uploaded> {
    return await this.#link().call("upload", { ...upload, roomId: this.#currentRoom(upload.roomId) }, signal);
  }

  /** Downloads the file of an event, decrypted. @throws BridgeError of the 1400 block */
  async download(wanted: Download, signal: AbortSignal): Promise<Downloaded> {
    return await this.#link().call("download", { ...wanted, roomId: this.#currentRoom(wanted.roomId) }, signal);
  }
}
