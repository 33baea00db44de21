import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { build } from "esbuild";
import type { Browser, JSHandle, Page } from "playwright-core";
import { playTone } from "../voice/chromium.ts";
import type { Phone } from "./matrix-phone-page.ts";

export interface MatrixPhone extends AsyncDisposable {
  readonly page: Page;
  /** Evaluates an expression in the page. */
  readonly phone: JSHandle<Phone>;
}

/** Opens a page with a real Matrix client in it, logged in, whose microphone is a steady tone. */
export async function openMatrixPhone(
  browser: Browser,
  homeserver: string,
  user: string,
  hertz: number,
): Promise<MatrixPhone> {
  await using stack = new AsyncDisposableStack();
  const files = await pageFiles();
  const server = createServer(({ url = "" }, response) => {
    const file = files[url];
    if (file === undefined) response.writeHead(404).end();
    else response.writeHead(200, { "content-type": file.type }).end(file.body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  const page = await browser.newPage();
  stack.defer(() => page.close());
  await playTone(page, hertz);
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  const phone = (await page.evaluateHandle("window.phone")) as JSHandle<Phone>;
  await phone.evaluate((it, [url, name]) => it.logIn(url, name, "secret"), [homeserver, user] as const);
  const owned = stack.move();
  return { page, phone, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function pageFiles(): Promise<Record<string, { readonly type: string; readonly body: string | Buffer }>> {
  const { outputFiles } = await build({
    entryPoints: [new URL("matrix-phone-page.ts", import.meta.url).pathname],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    define: { global: "globalThis" },
    logLevel: "error",
  });
  const crypto = dirname(createRequire(import.meta.url).resolve("@matrix-org/matrix-sdk-crypto-wasm"));
  return {
    "/": { type: "text/html", body: "<!doctype html><script type=module src=/phone.js></script>" },
    "/phone.js": { type: "text/javascript", body: outputFiles[0]?.text ?? "" },
    "/pkg/matrix_sdk_crypto_wasm_bg.wasm": {
      type: "application/wasm",
      body: readFileSync(join(crypto, "pkg/matrix_sdk_crypto_wasm_bg.wasm")),
    },
  };
}
