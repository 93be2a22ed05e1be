"The notebook `explore` in JupyterLab, in a real browser: its knobs turned by keyboard, its sounds, its files, its errors."
import re
from pathlib import Path

import nbformat
import pytest
from browser import page
from labs import running
from notebooks import ROOT

SECONDS = 16.0  # of a recording of the built-in scene
ASKED = "print(f'asked: {explorer.threshold:.2f} {explorer.share_kept:.1%}')"
TOLD = re.compile(r"(.+)\.wav: (\w+), probability (\d\.\d\d); the threshold (\d\.\d\d) keeps (\d+\.\d%) of the pixels")
SIDEWAYS = """place => [place, ...place.querySelectorAll('*')]
    .filter(each => each.scrollWidth > each.clientWidth && ['auto', 'scroll'].includes(getComputedStyle(each).overflowX))
    .map(each => `${each.className}: ${each.scrollWidth} > ${each.clientWidth}`)"""  # what has a bar below it


def copied(folder: Path) -> Path:
    "The notebook as somebody gets it, set to its smoke profile and without outputs, with one more cell that asks the explorer."
    notebook = nbformat.read(ROOT / "nbs" / "explore.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
            cell.source = cell.source.replace('profile = "full"', 'profile = "smoke"')
    notebook.cells.append(nbformat.v4.new_code_cell(ASKED))
    (folder / "nbs").mkdir(parents=True)
    nbformat.write(notebook, folder / "nbs" / "explore.ipynb")
    return folder


def opened(tab, address: str, token: str) -> None:
    "Opens the notebook and runs all of it."
    tab.set_default_timeout(60_000)
    tab.goto(f"{address}/lab/tree/nbs/explore.ipynb?reset&token={token}")
    tab.wait_for_selector("text=/ipykernel.*Idle/")
    tab.click(".lm-MenuBar-itemLabel:text-is('Run')")
    tab.click(".lm-Menu-itemLabel:text-is('Run All Cells')")
    tab.wait_for_selector("text=/asked: \\d/", timeout=120_000, state="attached")
    tab.wait_for_selector(".jp-NotebookPanel .jp-Notebook-ExecutionIndicator[data-status=idle]")


def explored(tab):
    "What the first explorer shows: its output, its picture's source, and its words (recording, class, probability, threshold, share)."
    output = tab.locator(".jp-OutputArea-output", has=tab.locator('img[alt^="Spectrogram, mask"]')).first
    output.scroll_into_view_if_needed()
    words = output.locator("p", has_text="keeps").text_content()
    return output, output.locator("img").first.get_attribute("src"), TOLD.search(words).groups()


def turned(tab) -> None:
    "The threshold by keyboard: the picture changes, and the numbers are those that the program reads."
    output, picture, (*what, threshold, share) = explored(tab)
    output.locator(".widget-slider .noUi-handle").first.focus()
    for _ in range(5):
        tab.keyboard.press("ArrowRight")
    source, wanted = '.jp-OutputArea-output img[alt^="Spectrogram, mask"]', f"{float(threshold) + 0.05:.2f}"
    tab.wait_for_function(f"document.querySelector('{source}').alt.includes('threshold {wanted} ')")
    _, new_picture, (*same, new_threshold, new_share) = explored(tab)
    assert same == what and new_threshold == wanted and float(new_share[:-1]) < float(share[:-1])
    assert new_picture != picture and new_picture.startswith("data:image/png;base64,")
    tab.locator(".jp-CodeCell", has_text="asked: {explorer").locator(".cm-content").click()
    tab.keyboard.press("Control+Enter")
    tab.wait_for_selector(f"text=asked: {new_threshold} {new_share}", state="attached")


def asked_for_another_class(tab) -> None:
    "Another class is another picture, with another probability; the threshold that somebody has set stays."
    output, picture, (recording, label, probability, threshold, _) = explored(tab)
    other = next(name for name in ("passenger", "tug") if name != label)
    output.get_by_label("class", exact=True).select_option(other)
    tab.wait_for_function(f"document.querySelector('.jp-OutputArea-output img[alt^=\"Spectrogram, mask\"]').alt.includes(': {other}, ')")
    _, new_picture, (same, new_label, new_probability, new_threshold, _) = explored(tab)
    assert (same, new_label, new_threshold) == (recording, other, threshold)
    assert new_picture != picture and float(new_probability) == pytest.approx(1 - float(probability), abs=0.011)


def heard(tab) -> None:
    "Each of the three sounds lasts as long as the recording."
    output, *_ = explored(tab)
    for name in ("original", "signature", "residual"):
        tab.wait_for_function(f"document.querySelector('audio[aria-label={name}]').duration > 0")
        assert output.locator(f"audio[aria-label={name}]").evaluate("sound => sound.duration") == pytest.approx(SECONDS, abs=0.05)


def saved(tab, folder: Path) -> None:
    "Save writes the files where it says."
    output, _, (recording, *_) = explored(tab)
    button = output.get_by_role("button", name="Save")
    button.focus()
    tab.keyboard.press("Enter")
    output.get_by_text(f"Saved in {folder}, as ").wait_for()
    assert {path.name for path in folder.iterdir()} == {f"{recording}{ending}" for ending in (".nc", ".wav", ".png", ".selections.txt")}


def refused(tab, file: Path) -> None:
    "An upload that is no audio is one sentence, and what was shown stays."
    output, picture, _ = explored(tab)
    with tab.expect_file_chooser() as chooser:
        output.get_by_role("button", name="own recording").click()
    chooser.value.set_files(file)
    alert = output.get_by_role("alert")
    alert.wait_for()
    assert alert.inner_text() == f"{file.name}: not readable as audio: expected WAV, FLAC, OGG, MP3 or AIFF"
    assert explored(tab)[1] == picture and "Traceback" not in output.inner_text()


def played(tab) -> None:
    "A representative's button, pressed by keyboard, puts its sound there."
    button = tab.get_by_role("button", name=re.compile("^hear ")).first
    button.focus()
    tab.keyboard.press("Enter")
    sound = tab.locator("audio[aria-label*='the phases are guessed']")
    sound.wait_for(state="attached")
    tab.wait_for_function("document.querySelector('audio[aria-label*=guessed]').duration > 15")


def fitting(tab, folder: Path, width: int) -> None:
    "At this width pictures are no wider than their place, and no panel scrolls sideways. Screenshots are left to be looked at."
    tab.set_viewport_size({"width": width, "height": 1000})
    pictures = tab.locator(".jp-OutputArea-output .widget-html-content > img").all()
    assert len(pictures) >= 4
    for number, picture in enumerate(pictures):
        picture.scroll_into_view_if_needed()
        place = picture.locator("xpath=ancestor::*[contains(@class,'jp-OutputArea-output')]").last
        assert picture.bounding_box()["width"] <= place.bounding_box()["width"]
        assert place.evaluate(SIDEWAYS) == []
        tab.screenshot(path=folder / f"{width}-{number}.png")


def test_the_explorer_is_turned_heard_and_saved_in_a_browser(tmp_path):
    work, home = copied(tmp_path / "work"), tmp_path / "home"
    home.mkdir()
    (tmp_path / "notes.wav").write_text("This is not a sound.")
    with page(1280, 1000) as tab, running(work, home=home, TQDM_DISABLE="1") as (_, address, token):
        opened(tab, address, token)
        turned(tab)
        asked_for_another_class(tab)
        heard(tab)
        saved(tab, work / "nbs" / "results")
        refused(tab, tmp_path / "notes.wav")
        played(tab)
        fitting(tab, tmp_path, 1280)
        fitting(tab, tmp_path, 800)
