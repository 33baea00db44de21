import { parseMessage, StunProtocol } from "werift";

/** The type of Binding requests, the only STUN requests that arrive at a call's port. */
const bindingRequestType = 0x0001;
const headerBytes = 20;

type DatagramReceived = (this: unknown, data: Buffer, address: unknown) => unknown;

/**
 * Drops Binding requests that do not prove knowledge of a session's ICE password. werift answers every request and makes a candidate
 * pair of it: a stranger could forge a source address to make the bridge send to it, and could find the ports of calls.
 */
export class StunGuard implements Disposable {
  /** The passwords of sessions by the bridge's user fragment. */
  readonly #passwords = new Map<string, Buffer>();
  readonly #original: DatagramReceived;
  #dropped = 0;

  /** Replaces werift's handling of datagrams in this thread until it is disposed. */
  constructor() {
    const original: DatagramReceived = Reflect.get(StunProtocol.prototype, "datagramReceived");
    const isForged = (data: Buffer) => this.#isForged(data);
    this.#original = original;
    replaceDatagramReceived(function (data, address) {
      return isForged(data) ? undefined : original.call(this, data, address);
    });
  }

  /** The number of dropped requests. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Accepts checks with this description's credentials. @returns revokes this */
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
      // With a password werift parses only messages whose MESSAGE-INTEGRITY is right.
      return password !== undefined && hasIntegrity(data) && parseMessage(data, password) !== undefined;
    } catch {
      // Browsers send no requests that cannot be parsed.
      return false;
    }
  }
}

/** The method is private in werift's types. No public one sees a datagram's bytes. */
const replaceDatagramReceived = (by: DatagramReceived) => Reflect.set(StunProtocol.prototype, "datagramReceived", by);

/** Whether the message has a MESSAGE-INTEGRITY attribute. werift accepts messages without one. */
function hasIntegrity(data: Buffer): boolean {
  const messageIntegrity = 0x0008;
  for (let at = headerBytes; at + 4 <= data.length; ) {
    if (data.readUInt16BE(at) === messageIntegrity) return true;
    at += 4 + Math.ceil(data.readUInt16BE(at + 2) / 4) * 4;
  }
  return false;
}
