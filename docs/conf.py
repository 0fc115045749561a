"""Sphinx configuration: MyST pages, furo, the API reference from the docstrings. Builds without a network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent


def version_of(distribution: str) -> str:
    """The version that a package of this clone states."""
    file = ROOT / "packages" / distribution / "src" / distribution.replace("-", "_") / "_version.py"
    return re.search(r'__version__ = "(.+)"', file.read_text(encoding="utf-8"))[1]


project = "ataraxis"
author = "the ataraxis contributors"
copyright = "the ataraxis contributors, GPL-3.0-or-later"  # noqa: A001  (Sphinx's name)
release = version_of("ataraxis-data-structures")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "sphinx_copybutton"]
MEASURED = Path(__file__).with_name("performance_table.md")  # written by `run bench --write-docs`, not by hand
exclude_patterns = ["_build", MEASURED.name]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# Docstrings name things in single backticks: a link where Sphinx knows the name, plain code where it does not.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
autodoc_preserve_defaults = True
autodoc_mock_imports = ["dask", "distributed", "isal", "matplotlib", "pandas", "pyarrow"]  # of the logger's extras
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True  # properties that a class also lists under "Attributes" would be described twice

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "furo"
html_title = f"ataraxis {release}"
html_show_sphinx = False


def insert_measured(_app: Sphinx, page: str, source: list[str]) -> None:
    """Put the benchmark's table, where there is one, in its place in performance.md."""
    if page == "performance" and MEASURED.exists():
        source[0] = source[0].replace("<!-- measured -->", MEASURED.read_text(encoding="utf-8"))


def setup(app: Sphinx) -> None:
    """Sphinx calls this."""
    app.connect("source-read", insert_measured)
