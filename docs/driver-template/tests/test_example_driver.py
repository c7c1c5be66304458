"""The contract suite that every driver passes; it ships with modality-agent."""

from pathlib import Path

import example_driver
from drivers.testing import SourceContract


class TestExample(SourceContract):
    driver = "example"

    def make(self, tmp_path: Path) -> example_driver.Source:
        return example_driver.Source(example_driver.Options())
