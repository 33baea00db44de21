import { expect, test } from "@jest/globals";
import { contentOfLayers } from "../agent-image/image.ts";
import { isGenuine } from "./docker-image.ts";

const digests = ["a".repeat(64), "b".repeat(64)];
const content = contentOfLayers(digests);
const image = (layers: readonly string[], entrypoint: readonly string[] = ["/bin/node"]) => ({
  RootFS: { Layers: layers.map((layer) => `sha256:${layer}`) },
  Config: { Entrypoint: entrypoint },
});

test("an image with the bridge's label or tag is used only when its layers and its entry point match", () => {
  expect(isGenuine(image(digests), content)).toBe(true);
  expect(isGenuine(image([digests[0] ?? "", "c".repeat(64)]), content)).toBe(false);
  expect(isGenuine(image(digests.toReversed()), content)).toBe(false);
  expect(isGenuine(image([...digests, "d".repeat(64)]), content)).toBe(false);
  expect(isGenuine(image(digests, ["/bin/node", "--inspect"]), content)).toBe(false);
});
