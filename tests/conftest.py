"""What the tests of every part share."""

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def research_data() -> Path:
    """Return the folder of real music and spectrograms that may not be shipped, where there is one."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs the research data, which may not be shipped: ../shared/data")
    return SHARED_DATA
