"""Pages become an `.xlsx` file: a zip of XML, made in pieces and packed by several threads, never whole in memory.

XlsxWriter makes the frame (styles, names, links, charts, pictures) around empty sheets; the cells are ours, because a
model has millions of them. A page goes through the files here in this order: `limits` refuses what no spreadsheet
could open, `sheet` puts its cells and blocks in rows, `frame` asks XlsxWriter for everything around them, `cells`
makes the XML, `packing` compresses pieces side by side, `archive` is the zip they end up in, and `write` runs it all.
"""

from workings.workbook.package.write import write_package as write_package

__all__ = ["write_package"]
