"""The verbs of the command line: each says what it takes, and hands over to the file that does it."""
