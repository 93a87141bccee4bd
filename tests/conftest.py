"""Set up before any test: one thread for matrix products (the models are tiny), no network, patient hypothesis."""

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
os.environ["HF_HUB_OFFLINE"] = "1"

from hypothesis import HealthCheck, settings  # noqa: E402

settings.register_profile(
    "workings", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.load_profile("workings")
