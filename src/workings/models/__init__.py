"""Models: one file per family, a frozen config and one short function over operations."""
