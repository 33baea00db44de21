import { parseMessage, StunProtocol } from "werift";

/** The only STUN message that a stranger may send to a call's port. */
const bindingRequestType = 0x0001;
const headerBytes = 20;

type DatagramReceived = (this: unknown, data: Buffer, address: unknown) => unknown;

/**
 * Lets only those Binding requests through that prove to know a session's ICE password. The library answers every request and makes
 * a candidate pair of it; a stranger could have it send to any address whose packets they forge, and see which ports are calls.
 */
export class StunGuard implements Disposable {
  /** By the user fragment that the bridge gave to the session. */
  readonly #passwords = new Map<string, Buffer>();
  readonly #original: DatagramReceived;
  #dropped = 0;

  /** Stands before the library's own reading of datagrams, for this thread, until disposed of. */
  constructor() {
    const original: DatagramReceived = Reflect.get(StunProtocol.prototype, "datagramReceived");
    const isForged = (data: Buffer) => this.#isForged(data);
    this.#original = original;
    replaceDatagramReceived(function (data, address) {
      return isForged(data) ? undefined : original.call(this, data, address);
    });
  }

  /** How many requests were dropped. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Lets the checks in that carry this description's credentials. @returns what takes it back */
  admit(localSdp: string): () => void {
    const fragment = /^a=ice-ufrag:(\S+)/m.exec(localSdp)?.[1] ?? "";
    const password = /^a=ice-pwd:(\S+)/m.exec(localSdp)?.[1] ?? "";
    this.#passwords.set(fragment, Buffer.from(password));
    return () => this.#passwords.delete(fragment);
  }

  [Symbol.dispose](): void {
    replaceDatagramReceived(this.#original);
  }

  #isForged(data: Buffer): boolean {
    if (data.length < headerBytes || data.readUInt16BE(0) !== bindingRequestType) return false;
    if (this.#isAuthentic(data)) return false;
    this.#dropped += 1;
    return true;
  }

  #isAuthentic(data: Buffer): boolean {
    try {
      const user = String(parseMessage(data)?.getAttributeValue("USERNAME") ?? "");
      const password = this.#passwords.get(user.split(":")[0] ?? "");
      // With a password the library answers nothing unless MESSAGE-INTEGRITY holds.
      return password !== undefined && hasIntegrity(data) && parseMessage(data, password) !== undefined;
    } catch {
      // What cannot be parsed is no request of a browser's.
      return false;
    }
  }
}

/** It is private to the library's types, and the only place where a datagram's bytes can be seen. */
const replaceDatagramReceived = (by: DatagramReceived) => Reflect.set(StunProtocol.prototype, "datagramReceived", by);

/** Whether there is a MESSAGE-INTEGRITY attribute at all: without one the library has nothing to check. */
function hasIntegrity(data: Buffer): boolean {
  const messageIntegrity = 0x0008;
  for (let at = headerBytes; at + 4 <= data.length; ) {
    if (data.readUInt16BE(at) === messageIntegrity) return true;
    at += 4 + Math.ceil(data.readUInt16BE(at + 2) / 4) * 4;
  }
  return false;
}
