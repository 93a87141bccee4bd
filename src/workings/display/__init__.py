"""How numbers and words look on a page and in a figure: from arrays and strings to HTML and matplotlib."""
