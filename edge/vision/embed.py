"""Turns an aligned face into numbers that can be compared (SFace); loaded only inside a lease."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge.domain.errors import ConfigError
from edge.vision.align import SIDE
from edge.vision.session import open_model

if TYPE_CHECKING:
    from pathlib import Path


class Embedder:
    """SFace: normalisation is in the graph, so it takes RGB 0..255."""

    def __init__(self, model: "str | Path") -> None:
        self._session = open_model(model)
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or list(inputs[0].shape[1:]) != [3, SIDE, SIDE]:
            raise ConfigError(
                "load the embedder", f"its input is not 1x3x{SIDE}x{SIDE}", "see scripts/models.py"
            )
        self._input = inputs[0].name

    def embed(self, face: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the L2-normalised float32 vector of an aligned 112x112x3 BGR face."""
        blob = np.ascontiguousarray(face[:, :, ::-1].transpose(2, 0, 1)[None], dtype=np.float32)
        (vector,) = self._session.run(None, {self._input: blob})[0]
        length = float(np.linalg.norm(vector))
        return np.asarray(vector / length if length else vector, dtype=np.float32)
