"The package as settings.ini describes it."
import shutil
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

root = Path(__file__).parent
parser = ConfigParser(delimiters=["="])
parser.read(root / "settings.ini", encoding="utf-8")
settings = parser["DEFAULT"]
NOTEBOOKS = ["nbs/*.ipynb", "nbs/clusters.md", "nbs/experiments/*.ipynb", "nbs/images/*.png", "data/*.json"]  # as in nbs/90_cli.ipynb


class BuildWithNotebooks(build_py):
    "Puts the notebooks, and what they read, into the package for `scorecam-denoise lab`; a clone has them beside it."

    def run(self):
        super().run()
        if self.editable_mode:
            return
        inside = Path(self.build_lib, settings["lib_name"], "notebooks")
        shutil.rmtree(inside, ignore_errors=True)  # of an earlier build
        for path in (path for pattern in NOTEBOOKS for path in root.glob(pattern)):
            self.mkpath(str((inside / path.relative_to(root)).parent))
            self.copy_file(str(path), str(inside / path.relative_to(root)))


setup(
    name=settings["lib_name"],
    version=settings["version"],
    description=settings["description"],
    long_description=(root / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author=settings["author"],
    author_email=settings["author_email"],
    keywords=settings["keywords"].split(),
    url=settings["git_url"],
    license="Apache-2.0",
    packages=find_packages(include=[settings["lib_name"], f"{settings['lib_name']}.*"]),
    package_dir={"": "."},
    python_requires=f">={settings['min_python']}",
    install_requires=settings["requirements"].split(),
    extras_require={
        name.removesuffix("_requirements"): requirements.split()
        for name, requirements in settings.items()
        if name.endswith("_requirements")
    },
    entry_points={
        "console_scripts": settings["console_scripts"].split(),
        "nbdev": [f"{settings['lib_name']}={settings['lib_name']}._modidx:d"],
    },
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
    ],
    cmdclass={"build_py": BuildWithNotebooks},
    zip_safe=False,
)
