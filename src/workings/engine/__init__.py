"""The engine: the numbers of a model, fast, lazily, by rows, and again after an edit only where something changed."""
