"""Looking inside a model: what it thinks between its blocks."""
