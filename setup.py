"""Packaging of tap-marketo."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(
    r'^__version__ = "(.+)"$', (HERE / "tap_marketo" / "__init__.py").read_text(), re.MULTILINE
)[1]

README = (HERE / "README.md").read_text(encoding="utf-8")
# PyPI draws neither Mermaid nor pictures of the repository; the text beside each says the same.
PICTURES = r"(?ms)^```mermaid\n.*?^```\n\n|^!\[[^\n]*\n\n"

TEST = ["pytest>=8", "pytest-xdist>=3.5", "hypothesis>=6.100", "jsonschema>=2.6"]

setup(
    name="tap-marketo",
    version=VERSION,
    description="Singer tap for Adobe Marketo Engage",
    long_description=re.sub(PICTURES, "", README),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    classifiers=[
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Programming Language :: Python :: 3.14",
        "Topic :: Database",
    ],
    python_requires=">=3.10",
    packages=find_packages(include=["tap_marketo", "tap_marketo.*"]),
    package_data={"tap_marketo": ["py.typed"], "tap_marketo.streams": ["schemas/*.json"]},
    install_requires=[
        "singer-python>=6.0,<7",
        "requests>=2.31,<3",
        "backoff>=2.2.1,<3",
        "pendulum>=3.0,<4",
        "orjson>=3.9.3,<4",
        "tqdm>=4.66,<5",
    ],
    extras_require={
        "test": TEST,
        "dev": [
            *TEST,
            "mypy>=1.11",
            "pip>=22.3",  # the first that installs into another environment
            "ruff>=0.6",
            "types-requests>=2.31",
            "types-tqdm>=4.66",
        ],
    },
    entry_points={"console_scripts": ["tap-marketo=tap_marketo.cli:main"]},
)
