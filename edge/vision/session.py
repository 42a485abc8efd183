"""Opens an .onnx file the way a small box needs it: one thread, no spinning; never fetches or reports."""

import importlib
import os
from pathlib import Path
from typing import Any

from edge.domain.errors import ConfigError


def runtime() -> Any:  # noqa: ANN401 — onnxruntime has no types; this module alone touches it
    """Import onnxruntime with its telemetry off.

    From 1.29 on its Linux builds write a device id to the disk and send events to their maker when the
    module is imported, unless this variable is set before; the calls that turn it off come too late.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    return importlib.import_module("onnxruntime")


def open_model(path: str | Path) -> Any:  # noqa: ANN401 — as above
    """Return an onnxruntime.InferenceSession; ConfigError if the file is missing or isn't a usable model."""
    if not Path(path).is_file():
        raise ConfigError(
            "load a model", f"{path} is not there", "scripts/models.py fetches the default models"
        )
    ort = runtime()
    options = ort.SessionOptions()
    # With a decoder on the other core one thread is twice as fast as two, and idle threads must not spin.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Pictures of several sizes would make the arena keep the largest of each.
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except (
        ort.capi.onnxruntime_pybind11_state.Fail,
        ort.capi.onnxruntime_pybind11_state.InvalidGraph,
        ort.capi.onnxruntime_pybind11_state.InvalidProtobuf,
        ort.capi.onnxruntime_pybind11_state.NotImplemented,
        ort.capi.onnxruntime_pybind11_state.InvalidArgument,
    ) as error:
        raise ConfigError("load a model", f"{path} is not usable by ONNX Runtime") from error
