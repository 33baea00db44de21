import { request } from "node:http";
import { Readable } from "node:stream";

/** `fetch` over a Unix socket, for the options of SDKs: the socket answers for every host. */
export const unixFetch =
  (socketPath: string): typeof fetch =>
  async (input, init) => {
    const { url, method, headers, body, signal } = new Request(input, init);
    const { pathname, search } = new URL(url);
    const text = body === null ? "" : await new Response(body).text();
    return await new Promise((resolve, reject) => {
      const options = {
        socketPath,
        path: `${pathname}${search}`,
        method,
        headers: Object.fromEntries(headers),
        signal,
      };
      const outgoing = request(options, (incoming) => {
        const answered = new Headers();
        for (const [name, value] of Object.entries(incoming.headers))
          if (typeof value === "string") answered.set(name, value);
        resolve(
          new Response(Readable.toWeb(incoming) as ReadableStream<Uint8Array>, {
            status: incoming.statusCode ?? 500,
            headers: answered,
          }),
        );
      });
      outgoing.on("error", reject);
      outgoing.end(text);
    });
  };
