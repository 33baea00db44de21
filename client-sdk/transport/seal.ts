import { sealProtocol } from "@armorclaw/protocol/seal";

const { nonceBytes, tagBytes, saltBytes, keyBytes, messagesMax } = sealProtocol;

/** Seals and opens the messages of one connection, in order. Web Cryptography, so that it is the same in Node and in pages. */
export interface Seal {
  seal(text: string): Promise<string>;
  /** Rejects what is not the next message under the shared key. */
  open(message: string): Promise<string>;
}

/** The first message of the connection. */
export interface SealGreeting {
  readonly message: string;
  /** @param answer the bridge's first message */
  accept(answer: string): Promise<Seal>;
}

/**
 * Begins to seal a connection.
 * @param key the 32 bytes that both ends know
 */
export function greetSealed(key: Uint8Array): SealGreeting {
  if (key.length !== keyBytes) throw new TypeError(`A shared key has ${keyBytes} bytes, not ${key.length}`);
  const salt = crypto.getRandomValues(new Uint8Array(saltBytes));
  return {
    message: JSON.stringify({ [sealProtocol.greeting]: toBase64(salt) }),
    async accept(answer) {
      const { [sealProtocol.greeting]: text } = JSON.parse(answer) as Readonly<Record<string, string>>;
      const theirs = fromBase64(text ?? "");
      if (theirs.length !== saltBytes) throw new Error("The bridge does not seal its messages");
      const both = new Uint8Array([...salt, ...theirs]);
      const base = await crypto.subtle.importKey("raw", new Uint8Array(key), "HKDF", false, ["deriveKey"]);
      const keyFor = (info: string, usage: "encrypt" | "decrypt") =>
        crypto.subtle.deriveKey(
          { name: "HKDF", hash: "SHA-256", salt: both, info: new TextEncoder().encode(info) },
          base,
          { name: "AES-GCM", length: keyBytes * 8 },
          false,
          [usage],
        );
      const outKey = await keyFor(sealProtocol.toServer, "encrypt");
      const inKey = await keyFor(sealProtocol.toClient, "decrypt");
      const nextOut = counter();
      const nextIn = counter();
      const algorithm = (iv: Uint8Array<ArrayBuffer>) => ({ name: "AES-GCM", iv, tagLength: tagBytes * 8 });
      return {
        seal: async (text) => {
          const bytes = new TextEncoder().encode(text);
          return toBase64(new Uint8Array(await crypto.subtle.encrypt(algorithm(nextOut()), outKey, bytes)));
        },
        open: async (message) => {
          const bytes = await crypto.subtle.decrypt(algorithm(nextIn()), inKey, fromBase64(message));
          return new TextDecoder().decode(bytes);
        },
      };
    },
  };
}

/** Returns 96-bit nonces in order and never repeats one. */
function counter(): () => Uint8Array<ArrayBuffer> {
  let count = 0;
  return () => {
    if (count >= messagesMax) throw new Error("This connection has sealed as many messages as one may");
    const nonce = new Uint8Array(nonceBytes);
    const view = new DataView(nonce.buffer);
    view.setUint32(nonceBytes - 4, count % 2 ** 32);
    count += 1;
    return nonce;
  };
}

/** The most characters for one call of `String.fromCharCode`, which takes a limited number of arguments. */
const pieceBytes = 8192;

function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let start = 0; start < bytes.length; start += pieceBytes)
    text += String.fromCharCode(...bytes.subarray(start, start + pieceBytes));
  return btoa(text);
}

const fromBase64 = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
