import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { Duplex } from "node:stream";
import { BridgeError } from "@armorclaw/protocol/errors";
import { sealProtocol } from "@armorclaw/protocol/seal";

const newline = 0x0a;
const { nonceBytes, tagBytes, saltBytes, keyBytes, messagesMax } = sealProtocol;
/** Time for the peer's first line. */
const greetingDeadlineMs = 10_000;

/**
 * Lines whose bytes are sealed by AES-256-GCM under a key that both ends know. Every connection has keys of its own, one for each
 * direction, and each direction counts its messages: what is replayed, reordered, cut out, cut short or sent back opens under no
 * key and ends the connection. `docs/sealed-messages.md` has the format.
 * @param inner a stream of lines; ended with this one
 * @param onRefused called once when something did not open
 */
export function sealedLines(inner: Duplex, key: Uint8Array, onRefused: (reason: BridgeError) => void): Duplex {
  const salt = randomBytes(saltBytes);
  const greeted = Promise.withResolvers<void>();
  let seals: { readonly seal: (text: Buffer) => string; readonly open: (line: string) => Buffer } | undefined;
  let partial: Buffer[] = [];
  // A peer that never greets is told by the deadline; nobody else waits for it then.
  greeted.promise.catch(() => undefined);
  const outer = new Duplex({
    read: () => void inner.resume(),
    write(chunk: Buffer, _, done) {
      greeted.promise.then(() => inner.write(`${seals?.seal(chunk)}\n`, done), done);
    },
    final: (done) => void inner.end(done),
    destroy(error, done) {
      deadline.removeEventListener("abort", onDeadline);
      greeted.reject(new BridgeError("CANCELLED"));
      inner.destroy();
      done(error);
    },
  });
  // It ends by being destroyed: whoever reads it learns that from its close.
  outer.on("error", () => undefined);
  const refuse = (reason: BridgeError) => {
    if (outer.destroyed) return;
    onRefused(reason);
    outer.destroy();
  };
  const onLine = (line: string) => {
    if (seals === undefined) {
      seals = sealsOf(key, greetingSalt(line), salt);
      inner.write(`${JSON.stringify({ [sealProtocol.greeting]: salt.toString("base64") })}\n`);
      deadline.removeEventListener("abort", onDeadline);
      greeted.resolve();
      return;
    }
    const text = seals.open(line);
    const isFull = !outer.push(text.at(-1) === newline ? text : Buffer.concat([text, Buffer.of(newline)]));
    if (isFull) inner.pause();
  };
  const deadline = AbortSignal.timeout(greetingDeadlineMs);
  const onDeadline = () => refuse(new BridgeError("TIMED_OUT", "The peer did not begin to seal its messages"));
  deadline.addEventListener("abort", onDeadline);
  inner.on("data", (chunk: Buffer) => {
    try {
      let start = 0;
      for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
        const line = Buffer.concat([...partial, chunk.subarray(start, end)]).toString("latin1");
        partial = [];
        if (line !== "") onLine(line);
        start = end + 1;
      }
      if (start < chunk.length) partial.push(Buffer.from(chunk.subarray(start)));
    } catch {
      refuse(new BridgeError("UNAUTHENTICATED", "A message was not sealed under the shared key, or not the next one"));
    }
  });
  inner.on("end", () => outer.push(null));
  inner.on("error", () => outer.destroy());
  inner.on("close", () => outer.destroy());
  return outer;
}

function greetingSalt(line: string): Buffer {
  const value: unknown = JSON.parse(line);
  const text = (value as Readonly<Record<string, unknown>> | null)?.[sealProtocol.greeting];
  const salt = Buffer.from(typeof text === "string" ? text : "", "base64");
  if (salt.length !== saltBytes) throw new Error("The peer's first line is no greeting");
  return salt;
}

function sealsOf(key: Uint8Array, clientSalt: Buffer, serverSalt: Buffer) {
  const salt = Buffer.concat([clientSalt, serverSalt]);
  const keyOf = (info: string) => new Uint8Array(hkdfSync("sha256", key, salt, info, keyBytes));
  const [inKey, outKey] = [keyOf(sealProtocol.toServer), keyOf(sealProtocol.toClient)];
  const nextIn = counter();
  const nextOut = counter();
  return {
    seal(text: Buffer): string {
      const cipher = createCipheriv("aes-256-gcm", outKey, nextOut());
      return Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]).toString("base64");
    },
    open(line: string): Buffer {
      const sealed = Buffer.from(line, "base64");
      const decipher = createDecipheriv("aes-256-gcm", inKey, nextIn(), { authTagLength: tagBytes });
      decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes));
      return Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - tagBytes)), decipher.final()]);
    },
  };
}

/** Counts 96-bit nonces, and never gives one twice. */
function counter(): () => Buffer {
  let count = 0;
  return () => {
    if (count >= messagesMax) throw new Error("This connection has sealed as many messages as one may");
    const nonce = Buffer.alloc(nonceBytes);
    nonce.writeUIntBE(count++, nonceBytes - 6, 6);
    return nonce;
  };
}
