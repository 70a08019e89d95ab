"""An ONNX file in MLServer, by onnxruntime: a server of the Open Inference Protocol that deadtime's authors did not write.

    pip install mlserver onnxruntime
    cargo test --release mlserver

The test writes the settings, with the path of the file as `uri`, and starts `mlserver start`.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when onnxruntime is loaded

import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class OnnxModel(MLModel):
    """Runs the file on the processor, with one thread."""

    async def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        path = self.settings.parameters.uri
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        feeds = {tensor.name: NumpyCodec.decode_input(tensor) for tensor in payload.inputs}
        names = [output.name for output in self.session.get_outputs()]
        values = self.session.run(names, feeds)
        outputs = [NumpyCodec.encode_output(name, value) for name, value in zip(names, values)]
        return InferenceResponse(model_name=self.name, outputs=outputs)
