"""The pages of the workbook, one file each; `tables` are the pages of the model itself."""
