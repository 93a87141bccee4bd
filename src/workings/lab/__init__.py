"""The lab: every number of the model in the browser."""
