"""The workbook: a whole model as live formulas, for Excel and LibreOffice."""
