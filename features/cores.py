"""How many processor cores this process may use."""

import os
from pathlib import Path

_CGROUP_SHARE = Path("/sys/fs/cgroup/cpu.max")


def available_cores() -> int:
    """Return the number of cores by affinity and by the container's quota (Linux's cgroup version 2), at least 1."""
    # macOS has no affinity.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, period = _CGROUP_SHARE.read_text(encoding="ascii").split() if _CGROUP_SHARE.exists() else ("max", "100000")
    return cores if quota == "max" else max(1, min(cores, round(int(quota) / int(period))))
