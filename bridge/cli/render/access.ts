import type { Result } from "@armorclaw/protocol";
import { visible } from "../core/visible.ts";

export function renderWhoami({ principal, role, methods, channels, secrets }: Result<"access.whoami">): string {
  const byDomain = Map.groupBy(methods, (method) => method.slice(0, method.indexOf(".")));
  const lines = [...byDomain].map(
    ([domain, names]) => `${domain}: ${names.map((name) => name.slice(domain.length + 1)).join(", ")}`,
  );
  const labelled = (label: string, texts: readonly string[]) =>
    texts.map((text, index) => `${(index === 0 ? label : "").padEnd(10)} ${visible(text)}`);
  return [
    ...labelled("You are", [`${principal}, with the role ${role}`]),
    ...labelled("Methods", lines.length === 0 ? ["none"] : lines),
    ...labelled("Channels", [channels.join(", ") || "none"]),
    ...labelled("Secrets", [secrets.map(({ name, mode }) => `${name} (${mode})`).join(", ") || "none"]),
  ].join("\n");
}
