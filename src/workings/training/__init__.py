"""Training: the data that models learn from and the scripts that train them (needs the extra `train`)."""
