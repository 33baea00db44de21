import type { EncryptedFile } from "./encrypted-file.ts";

/** What the worker starts with. It holds secrets and is passed to the worker's thread only. */
export interface WorkerOptions {
  readonly homeserver: string;
  readonly userId: string;
  readonly deviceId: string;
  readonly accessToken: string;
  /** 32 bytes that encrypt the crypto store. */
  readonly storeKey: Uint8Array;
  /** The 32 bytes that unlock the account's secret storage. */
  readonly recoveryKey: Uint8Array;
  readonly cryptoStorePath: string;
  /** The last handled event of each room. */
  readonly cursors: ReadonlyMap<string, string>;
  /** Rooms that were ever encrypted. They stay encrypted, whatever a homeserver says later. */
  readonly encryptedRooms: readonly string[];
  /** Differs between starts: a homeserver may answer an equal first sync from its cache, with old members. */
  readonly firstSyncLimit: number;
  /** How long the homeserver may hold a sync without news. */
  readonly pollMs: number;
  /** The most events that are fetched from a room's past after a time without connection. */
  readonly backfillMax: number;
}

/** Only `verified` comes from a device that its owner has signed, in an encrypted event. */
export type Trust = "plain" | "unverified" | "verified";

export interface InboundEvent {
  readonly roomId: string;
  readonly eventId: string;
  readonly sender: string;
  readonly type: string;
  readonly content: Readonly<Record<string, unknown>>;
  readonly sentAtMs: number;
  /** The age at receipt, from the homeserver where it sends one: its clock may differ from this machine's. */
  readonly ageMs: number;
  readonly trust: Trust;
  /** The event was fetched by a backfill, after a time without connection. */
  readonly isBackfilled: boolean;
  /** Why the event could not be decrypted. The content is then the ciphertext. */
  readonly undecryptable?: string;
}

export interface Outgoing {
  readonly roomId: string;
  readonly type: string;
  readonly content: Readonly<Record<string, unknown>>;
  /** One id creates one event, also after a restart. */
  readonly transactionId: string;
}

export interface Upload {
  readonly roomId: string;
  readonly bytes: Uint8Array;
  readonly mimetype: string;
  readonly name: string;
}

/** How an event refers to the file: by its address, and in an encrypted room with its key. */
export type Uploaded = { readonly url: string } | { readonly file: EncryptedFile };

export interface Download {
  readonly roomId: string;
  readonly eventId: string;
  readonly bytesMax: number;
}

/** A file as its sender sent it. */
export interface Downloaded {
  readonly sender: string;
  readonly name: string;
  readonly mimetype: string;
  readonly bytes: Uint8Array;
}

export interface RoomInfo {
  readonly roomId: string;
  readonly name: string;
  readonly membership: "join" | "invite";
  readonly encrypted: boolean;
  readonly members: number;
  readonly inviter?: string;
}

export interface IdentityStatus {
  /** The fingerprint of this device, as other clients show it. */
  readonly fingerprint: string;
  /** The account has signed this device, so that other clients show no warning. */
  readonly isCrossSigned: boolean;
  /** The version of the key backup that is in use. */
  readonly backupVersion: string | null;
  /** The recovery key unlocks the account's secret storage. */
  readonly isRecoverable: boolean;
}

export type VerificationState = "requested" | "compare" | "done" | "cancelled";

/** One verification of another device by emoji. */
export interface Verification {
  readonly flowId: string;
  readonly userId: string;
  readonly state: VerificationState;
  /** The emoji that both sides must show, in order, while the state is `compare`. */
  readonly emoji: readonly { readonly symbol: string; readonly name: string }[];
}

export type FailureKind = "not_ready" | "rate_limited" | "unreachable" | "refused" | "logged_out" | "bug";

/** An error as it crosses the thread. */
export interface WorkerFailure {
  readonly kind: FailureKind;
  readonly message: string;
  readonly retryAfterMs?: number;
}

/** What the bridge asks of the worker. */
export type WorkerMethods = {
  readonly send: { readonly params: Outgoing; readonly result: { readonly eventId: string } };
  readonly upload: { readonly params: Upload; readonly result: Uploaded };
  readonly download: { readonly params: Download; readonly result: Downloaded };
  readonly rooms: { readonly params: object; readonly result: readonly RoomInfo[] };
  readonly join: {
    /** An encrypted room stays encrypted: nothing is sent to it before it is. */
    readonly params: { readonly room: string; readonly isEncrypted?: boolean };
    readonly result: { readonly roomId: string };
  };
  readonly isMember: {
    readonly params: { readonly roomId: string; readonly userId: string };
    readonly result: boolean;
  };
  readonly secure: { readonly params: { readonly password?: string }; readonly result: IdentityStatus };
  readonly identity: { readonly params: object; readonly result: IdentityStatus };
  readonly verify: { readonly params: { readonly userId: string }; readonly result: Verification };
  readonly compare: {
    readonly params: { readonly flowId: string; readonly isEqual: boolean };
    readonly result: Verification;
  };
  /** Confirms an `inbound` notice. */
  readonly stored: { readonly params: { readonly eventId: string; readonly isStored: boolean }; readonly result: null };
};

export type LinkState = "live" | "reconnecting";

/** What the worker notifies the bridge of. */
export type WorkerNotice =
  /** `live`: a sync returned. `reconnecting`: the homeserver did not answer. */
  | { readonly kind: "link"; readonly state: LinkState }
  /** The homeserver does not know the token any more. */
  | { readonly kind: "logged_out"; readonly reason: string; readonly isSoft: boolean }
  /** The room's next event follows after `stored`. */
  | { readonly kind: "inbound"; readonly event: InboundEvent }
  | { readonly kind: "cursor"; readonly roomId: string; readonly eventId: string }
  /** Messages of the room may have been missed while there was no connection. */
  | { readonly kind: "missed"; readonly roomId: string; readonly reason: string }
  | { readonly kind: "encrypted"; readonly roomId: string }
  | {
      readonly kind: "echo";
      readonly roomId: string;
      readonly transactionId: string | undefined;
      readonly eventId: string;
      readonly sentAtMs: number;
    }
  | {
      readonly kind: "receipt";
      readonly roomId: string;
      readonly userId: string;
      /** Everything of the room up to this time was read. */
      readonly upToMs: number;
    }
  | { readonly kind: "invite"; readonly roomId: string; readonly inviter: string }
  /** A member left the room or was removed. */
  | { readonly kind: "left"; readonly roomId: string; readonly userId: string }
  | { readonly kind: "verification"; readonly verification: Verification }
  | { readonly kind: "log"; readonly level: "debug" | "info" | "warn" | "error"; readonly message: string }
  /** The crypto store could not be written. The worker must be restarted. */
  | { readonly kind: "fatal"; readonly message: string };
