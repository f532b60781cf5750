"""From era C (2019-06) to B: compilation was flat, images were augmented by the dataset, data was read in chunks."""

from __future__ import annotations

from app.config.conversion.draft import Draft

#: The layer of today that does what an augmentor did, if there is one that does about the same.
_LAYERS = {
    "black_and_white": "random_grayscale",
    "crop": "center_crop",
    "crop_centre": "center_crop",
    "crop_percentage": "random_crop",
    "crop_random": "random_crop",
    "distort": "random_elastic_transform",
    "flip": "random_flip",
    "gaussian_distorsion": "random_elastic_transform",
    "gaussian_distortion": "random_elastic_transform",
    "grayscale": "random_grayscale",
    "greyscale": "random_grayscale",
    "histogram_equalisation": "equalization",
    "hsv_shifting": "random_hue",
    "invert": "random_invert",
    "random_brightness": "random_brightness",
    "random_color": "random_saturation",
    "random_contrast": "random_contrast",
    "random_erasing": "random_erasing",
    "resize": "resizing",
    "rotate": "random_rotation",
    "rotate_range": "random_rotation",
    "rotate_standard": "random_rotation",
    "scale": "random_zoom",
    "shear": "random_shear",
    "skew": "random_perspective",
    "zoom": "random_zoom",
    "zoom_ground_truth": "random_zoom",
    "zoom_random": "random_zoom",
}


def to_b(draft: Draft) -> None:
    """Put optimizer, loss and metrics together; list the augmentors."""
    if draft.get("model.name") == "keras" or draft.has("model.parameters.sequential"):
        for key in ("optimizer", "loss", "metrics"):
            old, new = f"model.parameters.{key}", f"model.parameters.compilation.{key}"
            draft.move(old, new, "optimizer, loss and metrics stand together")
    draft.move("tracking.additional_params", "tracking.params", "it has another name")
    draft.move("dataset.chunk_size", "training.chunk_size", "it says how training reads the rows")
    for _ in draft.within("dataset.data_augmentors"):
        id = draft.get("dataset.data_augmentors.0.type")
        layer = _LAYERS.get(id) if isinstance(id, str) else None
        instead = f"{layer} does about the same" if layer else "no layer does the same"
        why = f"images are augmented by layers at the beginning of model.network: {instead}"
        draft.lose("dataset.data_augmentors.0", why)
    draft.lose("dataset.data_augmentors", "images are augmented by layers")
