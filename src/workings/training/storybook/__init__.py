"""storybook, the bundled model: its language, its tokenizer, its training and its probes."""
