"""The same pieces of work, written once for each library in the words its own documentation uses.

Every piece of work is a generator with three yields: what stands before the first is preparation, what stands between
the first and the second is timed, and the third yields the answer, which is compared with those of the other libraries.
"""

import numpy as np

EDITED_BLOCK = 6
NEW_TOKENS = 64
COMPARED_ROWS = 16  # sending all 1,024 rows of logits from process to process would take longer than working them out


def middle(ids):
    return len(ids) // 2


def change(width):
    """The vector that is added to one row: the same for every library."""
    return np.random.default_rng(7).standard_normal(width).astype(np.float32)


class Workings:
    """This project."""

    def __init__(self, folder):
        import workings

        self.model = workings.load(folder)
        self.vector = change(self.model.config.d_model)

    def tables(self, ids):
        yield
        trace = self.model.trace(ids)
        tables = {name: trace[name] for name in trace.names()}
        yield
        yield {
            "logits": tables["logits"][-COMPARED_ROWS:],
            "pattern": tables[f"blocks.{EDITED_BLOCK}.attn.pattern"][:, -1],
        }

    def _edit(self, trace, ids):
        changed = trace.edit(f"blocks.{EDITED_BLOCK}.resid_post", (middle(ids), slice(None)), add=self.vector)
        changed.top(5)
        return changed

    def edit(self, ids):
        """The question has been answered once; only the change and what follows from it is timed."""
        trace = self.model.trace(ids)
        trace.top(5)
        yield
        changed = self._edit(trace, ids)
        yield
        yield {"logits": changed["logits"][-1]}

    def edit_from_scratch(self, ids):
        """Nothing has been worked out before: the whole run is timed too."""
        yield
        changed = self._edit(self.model.trace(ids), ids)
        yield
        yield {"logits": changed["logits"][-1]}

    def generate(self, ids):
        yield
        made = self.model.generate(ids, max_new_tokens=NEW_TOKENS, temperature=0.0)
        yield
        yield {"ids": np.array(made[-NEW_TOKENS:])}

    def next_token(self, ids):
        return self.model.trace(ids).top_ids(1)[0][0]

    def next_token_and_pattern(self, ids):
        trace = self.model.trace(ids)
        return trace.top(1), trace[f"blocks.{EDITED_BLOCK}.attn.pattern"]


class TransformerLens:
    """TransformerBridge, which took the place of HookedTransformer in TransformerLens 4.

    The `tuned` works pass options on to the Hugging Face model underneath: keep no key-value cache, and work out only
    the last row of logits. They are as fast as we know how to make it.
    """

    def __init__(self, folder):
        import torch
        from transformer_lens.model_bridge import TransformerBridge

        self.torch = torch
        self.model = TransformerBridge.boot_transformers(str(folder), device="cpu").eval()
        self.vector = torch.from_numpy(change(self.model.cfg.d_model))

    def _tables(self, ids, **options):
        ids = self.torch.tensor([ids])
        yield
        with self.torch.inference_mode():
            logits, cache = self.model.run_with_cache(ids, **options)
        yield
        yield {
            "logits": logits[0, -COMPARED_ROWS:].numpy(),
            "pattern": cache[f"blocks.{EDITED_BLOCK}.attn.hook_pattern"][0, :, -1].numpy(),
        }

    def tables(self, ids):
        return self._tables(ids)

    def tables_tuned(self, ids):
        return self._tables(ids, use_cache=False)

    def _edit(self, ids, **options):
        row = middle(ids)
        ids = self.torch.tensor([ids])

        def add(resid_post, hook):
            resid_post[:, row] += self.vector
            return resid_post

        yield
        with self.torch.inference_mode():
            hooks = [(f"blocks.{EDITED_BLOCK}.hook_resid_post", add)]
            logits = self.model.run_with_hooks(ids, fwd_hooks=hooks, **options)
        yield
        yield {"logits": logits[0, -1].numpy()}

    def edit(self, ids):
        return self._edit(ids)

    def edit_tuned(self, ids):
        return self._edit(ids, use_cache=False, logits_to_keep=1)

    def next_token_and_pattern(self, ids, **options):
        with self.torch.inference_mode():
            logits, cache = self.model.run_with_cache(self.torch.tensor([ids]), **options)
        return logits[0, -1].argmax(), cache[f"blocks.{EDITED_BLOCK}.attn.hook_pattern"]

    def next_token_and_pattern_tuned(self, ids):
        wanted = f"blocks.{EDITED_BLOCK}.attn.hook_pattern"
        return self.next_token_and_pattern(ids, names_filter=wanted, use_cache=False, logits_to_keep=1)


class NNsight:
    """nnsight around the Hugging Face model, which is the way for a checkpoint without a tokenizer."""

    def __init__(self, folder):
        import torch
        from nnsight import NNsight as Wrapped
        from transformers import GPT2LMHeadModel

        self.torch = torch
        self.model = Wrapped(GPT2LMHeadModel.from_pretrained(folder).eval())
        self.vector = torch.from_numpy(change(self.model.config.n_embd))

    def _changed(self, ids, row, options):
        with self.torch.inference_mode(), self.model.trace(ids, **options):
            self.model.transformer.h[EDITED_BLOCK].output[:, row] += self.vector
            logits = self.model.lm_head.output[:, -1].save()
        return logits

    def _edit(self, ids, **options):
        row = middle(ids)
        ids = self.torch.tensor([ids])
        yield
        logits = self._changed(ids, row, options)
        yield
        yield {"logits": logits[0].numpy()}

    def edit(self, ids):
        return self._edit(ids)

    def edit_tuned(self, ids):
        return self._edit(ids, use_cache=False, logits_to_keep=1)


class Transformers:
    """Hugging Face transformers with its default attention."""

    attention = "sdpa"

    def __init__(self, folder):
        import torch
        from transformers import GPT2LMHeadModel

        self.torch = torch
        self.model = GPT2LMHeadModel.from_pretrained(folder, attn_implementation=self.attention).eval()
        # Without an end-of-text token it need not look for one, and neither side can stop early.
        self.model.generation_config.eos_token_id = None

    def generate(self, ids):
        ids = self.torch.tensor([ids])
        yield
        with self.torch.inference_mode():
            made = self.model.generate(ids, max_new_tokens=NEW_TOKENS, do_sample=False, use_cache=True)
        yield
        yield {"ids": made[0, -NEW_TOKENS:].numpy()}

    def next_token(self, ids):
        with self.torch.inference_mode():
            return int(self.model(self.torch.tensor([ids])).logits[0, -1].argmax())


class TransformersEager(Transformers):
    """Hugging Face transformers with attention as plain matrix products, which is sometimes the faster for one row."""

    attention = "eager"
