"""Wraps YuNet into the nine outputs of SCRFD, so that insightface's own code can be run on its weights."""

from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

STRIDES = (8, 16, 32)


class _Graph:
    """Nodes and constants, named as they come."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._names = count()

    def constant(self, value: object, dtype: type) -> str:
        name = f"wrap_c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def add(self, operator: str, *inputs: str, output: str = "", **options: Any) -> str:
        output = output or f"wrap_n{next(self._names)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **options))
        return output

    def columns(self, of: str, start: int, end: int) -> str:
        ends = [self.constant([one], np.int64) for one in (start, end, 2)]
        return self.add("Slice", of, *ends)

    def twice(self, first: str, second: str, width: int, output: str) -> None:
        """SCRFD has two anchors at each place; the second is `second`."""
        both = self.add("Concat", first, second, axis=2)
        self.add("Reshape", both, self.constant([-1, width], np.int64), output=output)


def wrap(source: Path, target: Path) -> None:
    """Write `source` (YuNet) as `target`: RGB normalised in; scores, distances, points out."""
    model = onnx.load(str(source))
    graph, wrapped = model.graph, _Graph()
    scaled = wrapped.add("Mul", "image", wrapped.constant(128.0, np.float32))
    shifted = wrapped.add("Add", scaled, wrapped.constant(127.5, np.float32))
    wrapped.add("Gather", shifted, wrapped.constant([2, 1, 0], np.int64), output=graph.input[0].name, axis=1)
    before, wrapped.nodes = wrapped.nodes, []
    for stride in STRIDES:
        cls, obj = (
            wrapped.add("Clip", f"{head}_{stride}", *(wrapped.constant(one, np.float32) for one in (0, 1)))
            for head in ("cls", "obj")
        )
        score = wrapped.add("Sqrt", wrapped.add("Mul", cls, obj))
        nothing = wrapped.add("Mul", score, wrapped.constant(0.0, np.float32))
        wrapped.twice(score, nothing, 1, f"score_{stride}")
        shift = wrapped.columns(f"bbox_{stride}", 0, 2)
        size = wrapped.add("Exp", wrapped.columns(f"bbox_{stride}", 2, 4))
        half = wrapped.add("Mul", size, wrapped.constant(0.5, np.float32))
        sides = [wrapped.add("Sub", half, shift), wrapped.add("Add", half, shift)]
        distances = wrapped.add("Concat", *sides, axis=2)
        wrapped.twice(distances, distances, 4, f"box_{stride}")
        wrapped.twice(f"kps_{stride}", f"kps_{stride}", 10, f"points_{stride}")
    nodes = [*before, *graph.node, *wrapped.nodes]
    shape: list[str | int | None] = [1, 3, "height", "width"]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
    outputs = [
        helper.make_tensor_value_info(f"{head}_{stride}", TensorProto.FLOAT, [None, width])
        for head, width in (("score", 1), ("box", 4), ("points", 10))
        for stride in STRIDES
    ]
    constants = [*graph.initializer, *wrapped.constants]
    made = helper.make_graph(nodes, "yunet_as_scrfd", [image], outputs, constants)
    onnx.save(
        helper.make_model(made, opset_imports=model.opset_import, ir_version=model.ir_version), str(target)
    )
