"""The lab: a page in the browser, and the server that answers it. What they say to each other is in README.md."""
