import { BridgeError } from "@armorclaw/protocol/errors";
import { nearest } from "@armorclaw/protocol/nearest";
import type { ProviderKind } from "../codecs/chat-request.ts";
import type { OutputCapField } from "../codecs/dialect.ts";

export interface ProviderSettings {
  readonly name: string;
  readonly kind: ProviderKind;
  readonly baseUrl: string;
  /** The name of the secret with the key; undefined for a provider without one. */
  readonly secret: string | undefined;
  readonly models: readonly string[];
  /** The name of the provider in the price list. */
  readonly listName: string;
  readonly outputCapField: OutputCapField;
}

/** A provider as the configuration has it. */
export interface ConfiguredProvider extends Omit<ProviderSettings, "name" | "listName" | "secret"> {
  readonly secret?: string | undefined;
  /** The provider's name in the price list; its own name without it. */
  readonly priceListName?: string | undefined;
}

export const providersOf = (configured: Readonly<Record<string, ConfiguredProvider>>): ProviderSettings[] =>
  Object.entries(configured).map(([name, { priceListName = name, secret, ...provider }]) => ({
    ...provider,
    name,
    secret,
    listName: priceListName,
  }));

/** A model at a provider. Its id is `provider/model`. */
export interface Route {
  readonly provider: ProviderSettings;
  readonly model: string;
  readonly id: string;
}

/** All models of all providers, by id and, where one provider alone has the model, by its own name. */
export class ModelTable {
  readonly #routes = new Map<string, Route>();
  readonly #fallbacks: ReadonlyMap<string, readonly string[]>;

  constructor(providers: readonly ProviderSettings[], fallbacks: ReadonlyMap<string, readonly string[]>) {
    for (const provider of providers) {
      for (const model of provider.models) {
        const id = `${provider.name}/${model}`;
        this.#routes.set(id, { provider, model, id });
      }
    }
    this.#fallbacks = fallbacks;
  }

  get all(): readonly Route[] {
    return [...this.#routes.values()];
  }

  /** @throws BridgeError LLM_MODEL_NOT_FOUND */
  find(name: string): Route {
    const exact = this.#routes.get(name);
    if (exact !== undefined) return exact;
    const sameName = this.all.filter(({ model }) => model === name);
    const [only] = sameName;
    if (only !== undefined && sameName.length === 1) return only;
    const hint =
      sameName.length > 1
        ? `; name one of ${sameName.map(({ id }) => id).join(", ")}`
        : suggestion(nearest(name, [...this.#routes.keys(), ...this.all.map(({ model }) => model)]));
    throw new BridgeError("LLM_MODEL_NOT_FOUND", `No provider offers ${name.slice(0, 200)}${hint}`, {
      model: name.slice(0, 200),
    });
  }

  /** All names by which `find` finds the model: its id and, where one provider alone has it, its own name. */
  namesOf({ id, model }: Route): string[] {
    return this.all.filter((route) => route.model === model).length === 1 ? [id, model] : [id];
  }

  /** The model and its fallbacks, in their order. */
  withFallbacks(name: string): Route[] {
    const first = this.find(name);
    const others = (this.#fallbacks.get(first.id) ?? []).map((id) => this.find(id));
    return [first, ...others.filter(({ id }) => id !== first.id)];
  }
}

const suggestion = (near: string | undefined): string => (near === undefined ? "" : `; did you mean ${near}?`);

/** Whether a policy's list names the model: its id, its provider with a star, or everything. */
export const isAllowed = (allowed: readonly string[], { id, provider }: Route): boolean =>
  allowed.some((pattern) => pattern === "*" || pattern === id || pattern === `${provider.name}/*`);
