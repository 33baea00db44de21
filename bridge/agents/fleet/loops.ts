import {
  BridgeError,
  type Grant,
  type IdlePolicy,
  LoopManifest,
  type LoopManifestInput,
  type LoopName,
} from "@armorclaw/protocol";
import { nearest } from "@armorclaw/protocol/nearest";

/** The operator's changes to a loop's manifest. */
export interface LoopOverride {
  readonly limits?: object | undefined;
  readonly grants?: readonly Grant[] | undefined;
  readonly after?: readonly LoopName[] | undefined;
  readonly ttlMs?: number | undefined;
  readonly idle?: IdlePolicy | undefined;
  readonly workspace?: LoopManifest["workspace"];
  readonly standby?: boolean | undefined;
}

/** The loops that can be started, with the operator's changes. */
export class Loops {
  readonly #manifests: ReadonlyMap<string, LoopManifest>;

  constructor(inputs: readonly LoopManifestInput[], overrides: Readonly<Record<string, LoopOverride | undefined>>) {
    const manifests = inputs
      .map((input) => LoopManifest.parse(input))
      .map((manifest) => {
        const { limits, grants, after, ttlMs, idle, workspace, standby } = overrides[manifest.name] ?? {};
        return {
          ...manifest,
          limits: { ...manifest.limits, ...limits },
          grants: [...(grants ?? manifest.grants)],
          after: [...(after ?? manifest.after)],
          ...(ttlMs === undefined ? {} : { ttl_ms: ttlMs }),
          ...(idle === undefined ? {} : { idle }),
          ...(workspace === undefined ? {} : { workspace }),
          ...(standby === undefined ? {} : { standby }),
        };
      });
    this.#manifests = new Map(manifests.map((manifest) => [manifest.name, manifest]));
  }

  all(): readonly LoopManifest[] {
    return [...this.#manifests.values()];
  }

  find(loop: string): LoopManifest | undefined {
    return this.#manifests.get(loop);
  }

  /** @throws BridgeError LOOP_NOT_FOUND */
  get(loop: string): LoopManifest {
    const manifest = this.#manifests.get(loop);
    if (manifest !== undefined) return manifest;
    const near = nearest(loop, this.#manifests.keys());
    const hint = near === undefined ? "" : `; did you mean ${near}?`;
    throw new BridgeError("LOOP_NOT_FOUND", `No loop is called ${loop}${hint}`, { loop });
  }

  /** @throws BridgeError LOOP_NOT_FOUND for a dependency that does not exist, CONFIG_INVALID for a circle of them or for a standby of a loop with a workspace */
  check(): void {
    for (const { name, standby, workspace } of this.all()) {
      this.#walk(name, []);
      if (standby && workspace !== undefined)
        throw new BridgeError(
          "CONFIG_INVALID",
          `The loop ${name} has a workspace, which two containers cannot share: set no standby for it`,
        );
    }
  }

  #walk(loop: string, trail: readonly string[]): void {
    if (trail.includes(loop)) {
      const circle = [...trail.slice(trail.indexOf(loop)), loop].join(" after ");
      throw new BridgeError("CONFIG_INVALID", `Loops wait for each other: ${circle}`, { loops: [...trail] });
    }
    for (const dependency of this.get(loop).after) this.#walk(dependency, [...trail, loop]);
  }
}
