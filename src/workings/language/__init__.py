"""The language that models are written in: primitives, tables and their names, operations.

Imports nothing else of ours.
"""
