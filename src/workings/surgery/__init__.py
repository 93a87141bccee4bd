"""Changing a model's numbers on purpose: edits that are kept in a file and put in force again."""
