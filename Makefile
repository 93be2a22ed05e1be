# Everything that is done with this project. `make` alone lists the targets; each sets up what it needs.
.DEFAULT_GOAL := help
.PHONY: help .venv lab demo test networks run readme docs export clean

bin := .venv/bin
NOTEBOOKS ?= $(wildcard nbs/[0-9]*.ipynb nbs/index.ipynb nbs/explore.ipynb)
# Messages of TensorFlow and progress bars have no place in a stored notebook.
quiet := TF_CPP_MIN_LOG_LEVEL=3 TQDM_DISABLE=1
# Nor have widgets, which are nothing without their kernel: each leaves a picture.
stills := --NotebookExporter.preprocessors=scorecam_denoise.widgets.stills

help: ## list the targets
	@grep -E '^[a-z.]+:.*## ' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 12

.venv: .venv/installed ## set up the environment: exact versions, notebook tools included

.venv/installed: setup.py settings.ini constraints.txt
	@for python in python3.11 python3; do \
	    if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        found=$$python; break; fi; done; \
	if [ -z "$$found" ]; then \
	    echo "error: no Python 3.11 or newer was found: install python3.11 with its venv module" >&2; exit 2; fi; \
	test -x $(bin)/python || $$found -m venv .venv
	$(bin)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[notebooks,dev,docs,archive]'
	@touch $@

lab: .venv ## JupyterLab on the notebooks of this folder
	$(bin)/scorecam-denoise lab .

demo: .venv ## the main job on the built-in scene; ends with demo/index.html
	$(bin)/scorecam-denoise demo --out demo

test: .venv ## all tests: the package, each notebook, the experiments in their smoke profile
	$(bin)/python -m pytest tests --numprocesses 2 --dist worksteal --durations 10 --durations-min 10

networks: .venv ## train the networks that the full experiments share, into cache/ (hours)
	$(bin)/python -m scorecam_denoise.evaluation

run: .venv ## run NOTEBOOKS from top to bottom, store their outputs, clean them, export
	cd nbs && $(quiet) ../$(bin)/jupyter nbconvert --to notebook --execute --inplace $(stills) $(NOTEBOOKS:nbs/%=%)
	$(MAKE) export readme

readme: .venv ## README.md from nbs/index.ipynb
	$(bin)/python -c 'from scorecam_denoise.docs import make_readme; make_readme()'

docs: .venv ## the website: notebooks, modules and experiments; _docs/index.html, for any web server
	rm -rf build/docs
	$(bin)/python -m sphinx -q -W --keep-going -j 2 -c docs -d build/docs/doctrees nbs build/docs/html
	rm -rf _docs
	mv build/docs/html _docs

export: .venv ## the modules from the notebooks
	$(bin)/nbdev_export
	$(bin)/nbdev_clean

clean: ## remove everything that was made; the environment and trained networks stay
	rm -rf build dist demo _docs nbs/api nbs/gallery nbs/gallery.md nbs/results *.egg-info .pytest_cache
	find nbs scorecam_denoise tests -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf
