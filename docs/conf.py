"The website without Quarto: `make docs`. Sphinx reads the notebooks in nbs/ as readers see them, and runs nothing."
import json
import re
from pathlib import Path

import yaml
from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util.docutils import SphinxTranslator

from scorecam_denoise import __version__
from scorecam_denoise.docs import resolve, sections, write_pages
from scorecam_denoise.results import MEDIA_TYPE

ROOT = Path(__file__).resolve().parent.parent
SIDEBAR = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))["website"]["sidebar"]["contents"]

project = "scorecam_denoise"
version = release = __version__
extensions = ["myst_nb"]
include_patterns = ["*.ipynb", "experiments/*.ipynb", "api/*.md", "gallery.md", "clusters.md"]
templates_path = ["_templates"]

nb_execution_mode = "off"
nb_ipywidgets_js = {}  # else scripts of other servers are asked for
myst_enable_extensions = ["dollarmath"]
myst_dmath_double_inline = True  # `$$` in the midst of a paragraph
myst_heading_anchors = 4

html_theme = "pydata_sphinx_theme"
html_title = project
html_theme_options = {
    "navbar_start": ["navbar-logo"],
    "navbar_center": [],
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": [],
    "footer_end": [],
    "show_prev_next": True,
}
html_context = {"default_mode": "auto"}
html_favicon = "favicon.svg"
html_sidebars = {"**": ["floors"]}
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = html_show_sourcelink = False
html_show_copyright = html_use_index = html_domain_indices = False
html_math_renderer = "mathml"


def toctree(
    paths: list[str],  # of notebooks and pages below nbs/
    captions: dict[str, str],  # path → what the sidebar calls it, where that is not the title
    name: str = "",  # of the floor
) -> str:  # MyST
    "A hidden table of contents."
    documents = {path: "/" + Path(path).relative_to("nbs").with_suffix("").as_posix() for path in paths if (ROOT / path).exists()}
    documents = {path: "self" if document == "/index" else document for path, document in documents.items()}
    lines = [f"{captions[path]} <{document}>" if path in captions else document for path, document in documents.items()]
    return "\n".join(["```{toctree}", ":hidden:", *[f":caption: {name}"] * bool(name), "", *lines, "```", ""])


def captions_of(
    contents: list,  # of the sidebar, or of a section
) -> dict[str, str]:  # path → text
    "The names that the sidebar gives to paths."
    found = {}
    for entry in contents:
        if isinstance(entry, dict):
            found |= captions_of(entry["contents"]) if "section" in entry else {entry["href"]: entry["text"]}
    return found


def contents_of(
    document: str,  # index or api/index
) -> str:  # MyST
    "The sidebar's floors below the index, and the modules below the page of them all."
    captions, modules = captions_of(SIDEBAR), "nbs/api/index.md"
    floors = dict(sections(SIDEBAR))
    if document == "index":
        short = {name: [modules] if modules in paths else paths for name, paths in floors.items()}
        return "\n".join(toctree(paths, captions, name) for name, paths in short.items())
    return toctree([path for path in floors["API"] if path != modules], captions)


def read_source(
    app,  # Sphinx
    document: str,  # its path below nbs/, without suffix
    source: list[str],  # the text that was read, alone in a list; replaced
) -> None:
    "A notebook is shown without directives; the index and the page of modules get their tables of contents."
    path = Path(app.env.doc2path(document))
    contents = contents_of(document) if document in ("index", "api/index") else ""
    if path.suffix == ".ipynb":
        notebook = resolve(json.loads(source[0]))
        for output in (output for cell in notebook["cells"] for output in cell.get("outputs", [])):
            output.get("data", {}).pop(MEDIA_TYPE, None)  # its line of text stays
        for cell in notebook["cells"]:
            cell["source"] = cell["source"] or "..."  # a cell without source would be left out, outputs and all; its tag hides it
        if contents:
            notebook["cells"].append({"cell_type": "markdown", "id": "contents", "metadata": {}, "source": contents})
        source[0] = json.dumps(notebook)
    else:
        source[0] += contents


def visit_math(
    self: SphinxTranslator,  # that writes the page
    node: nodes.Node,  # the formula, in TeX
) -> None:
    "Formulas are MathML, which browsers draw without a script."
    formula = re.sub(r"\\([bB]ig)(?![a-z])", r"\\\1l", node.astext())  # of TeX's large brackets docutils knows those in pairs
    formula = re.sub(r"(\\(?:hat|tilde) *\w)_", r"\1{}_", formula)  # else it puts the index below the accented letter
    self.body.append(tex2mathml(formula, as_block=isinstance(node, nodes.math_block)))
    raise nodes.SkipNode


def setup(
    app,  # Sphinx
) -> None:
    "What Sphinx calls first."
    write_pages(ROOT)
    app.connect("source-read", read_source)
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math, None))
