import type { Download, Downloaded, Upload, Uploaded } from "../protocol/worker-protocol.ts";
import type { WorkerClient } from "./worker-client.ts";

/** Uploads and downloads the files of rooms. */
export class MediaTransfers {
  readonly #link: () => WorkerClient;

  /** @param link throws while there is no link */
  constructor(link: () => WorkerClient) {
    this.#link = link;
  }

  /** Uploads a file that an event of the room can refer to. It is encrypted when the room is. */
  async upload(upload: Upload, signal: AbortSignal): Promise<Uploaded> {
    return await this.#link().call("upload", upload, signal);
  }

  /** Downloads the file of an event, decrypted. @throws BridgeError of the 1400 block */
  async download(wanted: Download, signal: AbortSignal): Promise<Downloaded> {
    return await this.#link().call("download", wanted, signal);
  }
}
