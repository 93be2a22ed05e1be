"Two workers share two cores, so TensorFlow gets one thread in each; no window, no bar, no message."
import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["MPLBACKEND"] = "Agg"
os.environ["TQDM_DISABLE"] = "1"

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    "The project's folder."
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    "The folder of real recordings that SCORECAM_DATA names; tests that need it are skipped without it."
    folder = os.environ.get("SCORECAM_DATA")
    if not folder:
        pytest.skip("SCORECAM_DATA is not set: it names a folder of real recordings")
    return Path(folder)
