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
  readonly secrets?: LoopManifestInput["secrets"];
  readonly configs?: readonly string[] | undefined;
  readonly subscriptions?: readonly string[] | undefined;
  /** The Matrix rooms that the loop's agents read and write. */
  readonly rooms?: readonly string[] | undefined;
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

  /** @param roomChannels the channels of a Matrix room's events */
  constructor(
    inputs: readonly LoopManifestInput[],
    overrides: Readonly<Record<string, LoopOverride | undefined>>,
    roomChannels: (roomId: string) => string,
  ) {
    const manifests = inputs
      .map((input) => LoopManifest.parse(withChannels(input, overrides[input.name] ?? {}, roomChannels)))
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

/** The manifest with the operator's secrets, configurations and channels. A loop may read its subscriptions, and read and write its rooms. */
function withChannels(
  manifest: LoopManifestInput,
  {
    secrets = manifest.secrets,
    configs = manifest.configs,
    subscriptions = manifest.subscriptions ?? [],
    rooms = [],
  }: LoopOverride,
  roomChannels: (roomId: string) => string,
): LoopManifestInput {
  const { subscribe = [], publish = [] } = manifest.channels ?? {};
  const ofRooms = rooms.map(roomChannels);
  return {
    ...manifest,
    ...(secrets === undefined ? {} : { secrets: [...secrets] }),
    ...(configs === undefined ? {} : { configs: [...configs] }),
    channels: {
      subscribe: [...new Set([...subscribe, ...ofRooms, ...subscriptions])],
      publish: [...publish, ...ofRooms],
    },
    subscriptions: [...subscriptions, ...ofRooms],
  };
}
