"""Builds the grid kernel, once for each instruction set, and the order book, where they can be.

Everything else about the package is in pyproject.toml. An extension that cannot be compiled is
left out and clear Python runs in its place; a sweep says then that it is slow.
"""

import platform
from pathlib import Path

from setuptools import Extension, setup

FOLDER = Path("src/bowline/research/grid/csrc")
#: the same bytes on every path: no contraction into fused operations, no reordering
FLAGS = [
    "-std=c11",
    "-O3",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fno-tree-slp-vectorize",
    "-fvisibility=hidden",
]
TARGETS = {"plain": []}
if platform.machine().lower() in {"x86_64", "amd64"}:
    TARGETS |= {
        "avx2": ["-march=x86-64-v3"],
        "avx512": ["-march=x86-64-v4", "-mprefer-vector-width=256"],
    }

setup(
    ext_modules=[
        Extension(
            f"bowline.research.grid._kernel_{name}",
            sources=[str(FOLDER / "kernel.c")],
            depends=sorted(str(path) for path in FOLDER.glob("*.h")),
            define_macros=[("BOWLINE_KERNEL_NAME", f"_kernel_{name}")],
            extra_compile_args=FLAGS + target,
            optional=True,
        )
        for name, target in TARGETS.items()
    ]
    + [
        Extension(
            "bowline.core.venue._book",
            sources=["src/bowline/core/venue/csrc/book.c"],
            extra_compile_args=["-std=c11", "-O2", "-fvisibility=hidden"],
            optional=True,
        )
    ]
)
