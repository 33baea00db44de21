// Puts the call page's files, which are served as they are, beside the built code that serves them.
import { cpSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const page = "bridge/adapters/webrtc/page";
cpSync(`${root}${page}`, `${root}dist/${page}`, { recursive: true });
