"""Readings: what can be made of a model's one description. Readings never import each other."""
