"The website that `make docs` builds: every page in a real browser, and whatever a page must not do."
import fcntl
import json
import re
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest
from browser import chromium, page
from notebooks import LIBRARY, NOTEBOOKS, ROOT, name

from scorecam_denoise.docs import pictures_of, resolve

pytest.importorskip("myst_nb", reason="the website needs the extra: pip install '.[docs]'")
pytest.importorskip("pydata_sphinx_theme", reason="the website needs the extra: pip install '.[docs]'")

LOOK = """() => ({
    links: [...document.links].map(link => link.href),
    ids: [...document.querySelectorAll("[id]")].map(element => element.id),
    images: [...document.images].map(image => [image.currentSrc, image.alt, image.naturalWidth]),
    text: document.querySelector("main").innerText,
    prose: [...document.querySelectorAll("main p")].map(paragraph => paragraph.innerText).join("\\n"),
    formulas: document.querySelectorAll("math").length,
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
})"""


class Quiet(SimpleHTTPRequestHandler):
    "A file server that prints nothing."

    def log_message(self, *_):
        pass


@contextmanager
def served(folder: Path):
    "The address at which a folder is served."
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()


@pytest.fixture(scope="module")
def shared(tmp_path_factory, worker_id):
    "A folder that all workers of a run share."
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "site"
    folder.mkdir(exist_ok=True)
    return folder


def once(folder: Path, result: str, make) -> dict:
    "What `make` returns; another worker that asks for it waits and reads the same."
    with (folder / f"{result}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = folder / f"{result}.json"
        if not path.exists():
            path.write_text(json.dumps(make()), encoding="utf-8")
        return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def built(shared):
    "The run of Sphinx; the pages are in `folder`."

    def build():
        folders = ["-c", ROOT / "docs", "-d", shared / "doctrees", ROOT / "nbs", shared / "html"]
        begin = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", "sphinx", "-q", "-j", "2", *folders], capture_output=True, text=True)
        return {"seconds": time.perf_counter() - begin, "code": done.returncode, "messages": done.stdout + done.stderr}

    return {**once(shared, "built", build), "folder": shared / "html"}


def visit(tab, address: str) -> dict:
    "What a page is, asks for and complains about."
    requests, errors = [], []
    listeners = {
        "request": lambda request: requests.append(request.url),
        "requestfailed": lambda request: errors.append(f"{request.failure}: {request.url}"),
        "console": lambda message: errors.append(message.text) if message.type == "error" else None,
        "pageerror": lambda error: errors.append(str(error)),
    }
    for event, listener in listeners.items():
        tab.on(event, listener)
    status = tab.goto(address, wait_until="load").status
    seen = tab.evaluate(LOOK)
    for event, listener in listeners.items():
        tab.remove_listener(event, listener)
    errors = [error for error in errors if "ERR_ABORTED" not in error]  # the icon was still on its way when the next page was opened
    return {"status": status, "requests": requests, "errors": errors, **seen}


@pytest.fixture(scope="module")
def visited(shared, built):
    "Each page's path and what the browser found there, at a width of 800 pixels, where little fits."
    chromium()

    def visit_all():
        pages = sorted(path.relative_to(built["folder"]).as_posix() for path in built["folder"].rglob("*.html"))
        with served(built["folder"]) as site, page(width=800) as tab:
            return {"site": site, "pages": {path: visit(tab, site + path) for path in pages if not path.startswith("_static/")}}

    return once(shared, "visited", visit_all)


def test_the_website_is_built_without_a_warning_in_two_minutes(built):
    assert built["code"] == 0 and not built["messages"], built["messages"]
    assert built["seconds"] < 120


def test_every_notebook_and_every_module_has_a_page(built):
    expected = {f"{name(path)}.html" for path in NOTEBOOKS} | {f"api/{path.stem.partition('_')[2]}.html" for path in LIBRARY}
    assert not [path for path in expected | {"gallery.html", "api/index.html", "search.html"} if not (built["folder"] / path).exists()]


def test_every_page_opens_without_an_error(visited):
    assert not {path: seen["errors"] for path, seen in visited["pages"].items() if seen["status"] != 200 or seen["errors"]}


def test_no_request_leaves_the_website(visited):
    requests = {url for seen in visited["pages"].values() for url in seen["requests"]}
    assert len(requests) > len(visited["pages"])
    assert not [url for url in requests if not url.startswith((visited["site"], "data:", "blob:"))]


def test_every_link_inside_leads_to_a_page_and_a_place_on_it(built, visited):
    site, pages, lost = visited["site"], visited["pages"], []
    for path, seen in pages.items():
        for link in (urljoin(site + path, link) for link in seen["links"]):
            target, anchor = urldefrag(link.removeprefix(site))
            if not link.startswith(site):
                lost += [(path, link)] if urlsplit(link).hostname in (None, "127.0.0.1") else []
            elif not (built["folder"] / unquote(target or "index.html")).is_file():
                lost.append((path, link))
            elif anchor and unquote(anchor) not in pages[target or "index.html"]["ids"]:
                lost.append((path, link))
    assert not lost


def test_every_picture_is_there_and_says_what_it_shows(visited):
    pictures = [(path, *image) for path, seen in visited["pages"].items() for image in seen["images"]]
    assert len(pictures) > 100
    assert not [(path, source) for path, source, text, width in pictures if len(text.split()) < 2 or not width]


def test_every_stored_picture_is_on_its_page_with_its_text(visited):
    for path in NOTEBOOKS:
        stored = [text for _, text in pictures_of(resolve(json.loads(path.read_text(encoding="utf-8"))))]
        shown = [text for _, text, _ in visited["pages"][f"{name(path)}.html"]["images"]]
        assert [text for text in shown if text in stored] == stored, path.name


def test_no_two_pictures_of_a_page_are_described_alike(visited):
    texts = {path: [text for _, text, _ in seen["images"]] for path, seen in visited["pages"].items()}
    assert not {path: text for path, told in texts.items() for text in told if told.count(text) > 1}


def test_formulas_are_drawn(visited):
    assert visited["pages"]["40_scorecam.html"]["formulas"] > 10
    assert not [path for path, seen in visited["pages"].items() if re.search(r"\$|\\[a-z]{3}", seen["prose"])]


def test_recorded_figures_are_shown_and_directives_are_not(visited):
    assert "95 % interval" in visited["pages"]["experiments/02_thresholds.html"]["text"]
    assert not [path for path, seen in visited["pages"].items() if "\n#| " in seen["text"] and path != "91_docs.html"]


def test_no_page_is_wider_than_a_small_window(visited):
    assert not {path: seen["wide"] for path, seen in visited["pages"].items() if seen["wide"] > 0}


def test_the_search_finds_pages_without_a_service(built):
    with served(built["folder"]) as site, page() as tab:
        requests = []
        tab.on("request", lambda request: requests.append(request.url))
        tab.goto(f"{site}search.html?q=score_cam")
        tab.wait_for_selector("#search-results li a")
        assert "40_scorecam.html" in " ".join(tab.eval_on_selector_all("#search-results li a", "links => links.map(link => link.href)"))
    assert all(url.startswith(site) for url in requests)
