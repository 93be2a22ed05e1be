"Headless Chromium, for the tests that need a real browser."
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-quic",
]


def chromium() -> str:
    "Chromium's path: the one that SCORECAM_BROWSER names, else the first on the PATH; a test without one is skipped."
    named = os.environ.get("SCORECAM_BROWSER")
    if named:
        if not Path(named).is_file():
            pytest.fail(f"SCORECAM_BROWSER is {named!r}, where there is no file: give the path of a Chromium")
        return named
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        pytest.skip("there is no Chromium: install it (apt-get install chromium) or set SCORECAM_BROWSER to its path")
    return found


@contextmanager
def page(
    width: int = 1280,  # pixels
    height: int = 800,  # pixels
) -> Iterator:  # a playwright.sync_api.Page
    "An empty page in a Chromium of its own, which ends with it."
    path = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser.new_page(viewport={"width": width, "height": height})
        finally:
            browser.close()
