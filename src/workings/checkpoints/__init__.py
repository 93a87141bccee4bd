"""Models on disk and on the hub: reading them, writing them, and the tokenizers that come with them."""
