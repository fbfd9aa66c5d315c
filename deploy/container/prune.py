"""Remove from an environment all that serving never loads: `python prune.py ENVIRONMENT`, at the making of an image.

Half of SciPy, a second copy of ONNX Runtime for programs in C++, what converts and trains models, tests, headers and
type stubs: a quarter of what the packages take. `python -m deploy smoke` finds out whether something is missed.
"""

import shutil
import sys
from pathlib import Path

# Of each package, what goes; a name that a release no longer has is passed over.
UNUSED = {
    "numpy": ["_core/include", "_core/lib", "distutils"],
    "onnxruntime": ["backend", "capi/libonnxruntime.so*", "datasets", "quantization", "tools", "transformers"],
    "PIL": ["_avif*"],
    "pillow.libs": ["libavif*"],
    "scipy": [
        *("cluster", "constants", "datasets", "differentiate", "fftpack", "integrate", "interpolate", "io", "linalg"),
        *("misc", "ndimage", "odr", "optimize", "signal", "spatial", "stats", "sparse/csgraph", "sparse/linalg"),
    ],
}
ANYWHERE = ["tests", "*.pyi", "*.pxd", "*.a", "*.h", "__pycache__"]


def prune(environment: Path) -> int:
    """Remove unused files, and return their size in bytes."""
    packages = next(environment.glob("lib/python3.*/site-packages"))
    unused = [
        path for package, names in UNUSED.items() for name in names for path in packages.glob(f"{package}/{name}")
    ]
    unused += [path for pattern in ANYWHERE for path in packages.rglob(pattern)]
    before = _size(packages)
    for path in unused:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return before - _size(packages)


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*"))


if __name__ == "__main__":
    print(f"{prune(Path(sys.argv[1])) / 1e6:.0f} MB removed")
