"One object's tonal signature out of noisy spectrograms, without clean examples."

import lazy_loader

__version__ = "0.1.0"

# Names arrive when they are first used: importing the package does not import TensorFlow.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "classifiers": ["Classifier", "fit_clips"],
        "datasets": ["load_folder", "read_clips"],
        "denoiser": ["ScoreCAMDenoiser", "explain_recording", "load_model"],
        "scene": ["simulate_scene"],
        "scorecam": ["score_cam"],
        "widgets": ["CompareExplainers", "MaskGallery", "ThresholdExplorer"],
    },
)
