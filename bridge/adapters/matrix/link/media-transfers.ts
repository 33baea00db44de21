import type { Download, Downloaded, Upload, Uploaded } from "../protocol/worker-protocol.ts";
import type { WorkerClient } from "./worker-client.ts";

/** Files of rooms, out and in. */
export class MediaTransfers {
  readonly #link: () => WorkerClient;

  /** @param link throws while there is none */
  constructor(link: () => WorkerClient) {
    this.#link = link;
  }

  /** Puts a file where an event of the room can point to it: encrypted where the room is. */
  async upload(upload: Upload, signal: AbortSignal): Promise<Uploaded> {
    return await this.#link().call("upload", upload, signal);
  }

  /** The file of an event as its sender sent it. @throws BridgeError of the 1400 block */
  async download(wanted: Download, signal: AbortSignal): Promise<Downloaded> {
    return await this.#link().call("download", wanted, signal);
  }
}
