"""Training sparse autoencoders: a recipe, activations streamed from the engine, the training itself, and its measures."""
