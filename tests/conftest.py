"""What the tests of every part share."""

import os
from pathlib import Path

import pytest

# `make test DATA=folder` sets it.
RESEARCH_DATA = Path(os.environ.get("RESEARCH_DATA") or Path(__file__).resolve().parents[1] / "data")


@pytest.fixture(scope="session")
def research_data() -> Path:
    """Return the folder of real music and spectrograms that may not be shipped, where there is one."""
    if not RESEARCH_DATA.is_dir():
        pytest.skip("needs the research data, which may not be shipped: make test DATA=folder")
    return RESEARCH_DATA
