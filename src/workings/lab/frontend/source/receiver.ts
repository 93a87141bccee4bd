// Which reader a path leads to: the scores, or what a head asks, offers or hands on, or an MLP; written as the command line writes it.
import { h } from "./dom";
import type { Model } from "./types";

const KINDS = { logits: "the last scores", q: "the queries of", k: "the keys of", v: "the values of", mlp: "the MLP of" } as const;
const KINDS_TITLE = "Scores: the logits. Queries: what a head looks for; keys: what it is found by; values: what it hands on";
type Kind = keyof typeof KINDS;

interface Parts {
  kind: Kind;
  block: number;
  head: number;
}

/** `2.0.q`, `blocks.1.mlp.pre` or `logits`, read; null for any other table. */
function parts(into: string): Parts | null {
  const head = /^(\d+)\.(\d+)\.([qkv])$/.exec(into);
  if (head) return { kind: head[3] as Kind, block: Number(head[1]), head: Number(head[2]) };
  const mlp = /^blocks\.(\d+)\.mlp\.pre$/.exec(into);
  if (mlp) return { kind: "mlp", block: Number(mlp[1]), head: 0 };
  return into === "logits" ? { kind: "logits", block: 0, head: 0 } : null;
}

function spelled({ kind, block, head }: Parts): string {
  if (kind === "logits") return kind;
  return kind === "mlp" ? `blocks.${block}.mlp.pre` : `${block}.${head}.${kind}`;
}

/** Lists to choose a receiver by; `show` has them say what is chosen. */
export function receiverField(model: Model, choose: (into: string) => void): { element: HTMLElement; show: (into: string) => void; controls: HTMLSelectElement[] } {
  const [nLayers, nHeads] = [Number(model.config.n_layers), Number(model.config.n_heads)];
  const numbers = (name: string, from: number, to: number): HTMLElement[] => Array.from({ length: Math.max(to - from, 0) }, (_, i) => h("option", { value: from + i }, `${name} ${from + i}`));
  const changed = (): void => choose(spelled({ kind: kind.value as Kind, block: Math.max(Number(block.value), kind.value === "mlp" ? 0 : 1), head: Number(head.value) }));
  // No head comes before the heads of the first block.
  const offered = Object.entries(KINDS).filter(([key]) => nLayers > 1 || key === "logits" || key === "mlp");
  const kind = h("select", { "aria-label": "Who is told", title: KINDS_TITLE, onchange: changed }, ...offered.map(([value, said]) => h("option", { value }, said)));
  const block = h("select", { "aria-label": "The block of who is told", onchange: changed });
  const head = h("select", { "aria-label": "The head that is told", onchange: changed }, ...numbers("head", 0, nHeads));
  const other = h("option", {});
  const show = (into: string): void => {
    const found = parts(into);
    if (!found) {
      other.value = other.textContent = into;
      kind.append(other);
    } else other.remove();
    kind.value = found ? found.kind : into;
    block.hidden = !found || found.kind === "logits";
    head.hidden = block.hidden || found?.kind === "mlp";
    block.replaceChildren(...numbers("block", found?.kind === "mlp" ? 0 : 1, nLayers));
    block.value = String(found?.block ?? 0);
    head.value = String(found?.head ?? 0);
  };
  return { element: h("span", { class: "receiver" }, "to", kind, block, head), show, controls: [kind, block, head] };
}
