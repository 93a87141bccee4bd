"""From text to tokens in plain formulas: the pages "Tokens" and "Merges"."""

from workings.workbook.tokens.pages import TokenPages as TokenPages
from workings.workbook.tokens.pages import tokens_pages as tokens_pages
